//! From an empty database to one that serves: schema, keys, first administrator, first dataset. Each step does nothing
//! where its work is done, so a second start changes nothing, and two replicas may start at once.

use std::path::Path;

use anyhow::Context as _;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use seed::{Dataset, Files};

use crate::{
    access::{Actor, Administrator, Editor, account, key, password},
    compute_pool::Client,
    config::Config,
    database::Database,
    dataset,
    error::Result,
    state::{Clock, Random, State},
    transaction::{Origin, Transaction},
};

/// What the operator is told once, after the first start.
#[derive(Debug)]
pub struct FirstSignIn {
    /// The administrator's address.
    pub email: String,
    /// The password, if it was made here and not taken from a file.
    pub password: Option<String>,
}

/// Opens a database that is migrated and has its keys.
///
/// # Errors
/// When the database cannot be written, or was migrated by a newer Almanac.
pub async fn open(config: Config, database: Database, clock: Clock, random: Random) -> Result<State> {
    database.migrate().await?;
    let transaction = database.begin_write().await?;
    key::ensure(&transaction, &random, clock.now()).await?;
    transaction.commit().await?;
    State::open(config, database, clock, random).await
}

/// Gives an empty database its first dataset and its first administrator.
///
/// # Errors
/// When the dataset has a fault, the password file cannot be read, or the database cannot be written.
pub async fn fill(state: &State) -> anyhow::Result<Option<FirstSignIn>> {
    let files = match &state.config().dataset {
        Some(folder) => Files::read(folder).with_context(|| format!("{} cannot be read", folder.display()))?,
        None => Files::example(),
    };
    let dataset = Dataset::parse(&files)?;
    let mut transaction = Transaction::begin(state, Actor::CommandLine, Origin::default()).await?;
    if dataset::seed(&mut transaction, &Editor::command_line(), &dataset).await? {
        transaction.commit("seed").await?;
    } else {
        drop(transaction);
    }

    if account::any(state.database().reader()).await? {
        return Ok(None);
    }
    let email = state.config().admin_email.clone();
    let (password, made) = match &state.config().admin_password_file {
        Some(file) => (read_password(file)?, false),
        None => (random_password(state), true),
    };
    let hash = password::hash(state, &Client::PROCESS, &email, &password).await?;
    let mut transaction = Transaction::begin(state, Actor::CommandLine, Origin::default()).await?;
    let administrator = Administrator::command_line();
    let created = account::create_first(&mut transaction, &administrator, email.clone(), hash).await?;
    if created {
        transaction.commit("user add").await?;
    }
    Ok(created.then(|| FirstSignIn { email: email.into(), password: made.then_some(password) }))
}

/// The password in a file; a line break at the end is not part of it.
///
/// # Errors
/// When the file cannot be read.
pub fn read_password(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A password that nobody guesses: 144 random bits.
#[must_use]
pub fn random_password(state: &State) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(state.random().bytes::<18>())
}
