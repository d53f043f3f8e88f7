//! What an operator does at the command line, in process: the same steps as in `api/src/cli.rs`.

use api::{
    access::{
        Actor, Administrator, Editor,
        account::{self, NewAccount},
        key, password,
    },
    compute_pool::Client,
    dataset::{self, Imported, Terms},
    delivery::documents,
    error::Result,
    state::State,
    transaction::{Origin, Transaction},
};
use entities::{Email, Role};
use seed::{Dataset, Files};

async fn begin(state: &State) -> Result<Transaction> {
    Transaction::begin(state, Actor::CommandLine, Origin::default()).await
}

fn address(email: &str) -> Email {
    email.parse().expect("an e-mail address")
}

/// Creates an account, as `almanac user add` does. `locales` are those of a translator.
///
/// # Errors
/// As the command.
pub async fn add(state: &State, email: &str, role: Role, locales: &[&str], password: &str) -> Result<()> {
    let password = Some(password::hash(state, &Client::PROCESS, &address(email), password).await?);
    let locales = locales.iter().map(|locale| locale.parse().expect("a locale")).collect();
    let mut transaction = begin(state).await?;
    let new = NewAccount { email: address(email), role, locales, password };
    account::create(&mut transaction, &Administrator::command_line(), new).await?;
    transaction.commit("user add").await
}

/// Shuts an account out, as `almanac user disable` does.
///
/// # Errors
/// As the command.
pub async fn disable(state: &State, email: &str) -> Result<()> {
    let mut transaction = begin(state).await?;
    account::disable(&mut transaction, &Administrator::command_line(), &address(email)).await?;
    transaction.commit("user disable").await
}

/// Sets a password, as `almanac user password` does.
///
/// # Errors
/// As the command.
pub async fn set_password(state: &State, email: &str, password: &str) -> Result<()> {
    let password = password::hash(state, &Client::PROCESS, &address(email), password).await?;
    let mut transaction = begin(state).await?;
    account::set_password(&mut transaction, &Administrator::command_line(), &address(email), password).await?;
    transaction.commit("user password").await
}

/// Makes a new signing key, as `almanac key rotate` does.
///
/// # Errors
/// As the command.
pub async fn rotate_key(state: &State) -> Result<String> {
    let mut transaction = begin(state).await?;
    let id = key::rotate(&mut transaction, &Administrator::command_line()).await?;
    transaction.commit("key rotate").await?;
    Ok(id)
}

/// Adds trusted documents, id and text, as `almanac documents add` does when it has found no fault in them.
///
/// # Errors
/// As the command.
pub async fn trust(state: &State, documents: &[(&str, &str)]) -> Result<()> {
    let documents = documents.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect();
    let mut transaction = begin(state).await?;
    let added = documents::add(&mut transaction, &Administrator::command_line(), documents).await?;
    added.expect("ids that are free");
    transaction.commit("documents add").await
}

/// Removes trusted documents, as `almanac documents remove` does.
///
/// # Errors
/// As the command.
pub async fn distrust(state: &State, ids: &[&str]) -> Result<()> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    let mut transaction = begin(state).await?;
    documents::remove(&mut transaction, &Administrator::command_line(), &ids).await?.expect("ids that are there");
    transaction.commit("documents remove").await
}

/// What a site exports that this dataset was imported into: it always says which policy on small counts is in force.
///
/// # Panics
/// When the dataset has a fault.
#[must_use]
pub fn as_exported(files: &Files) -> Files {
    let mut dataset = Dataset::parse(files).expect("a dataset without fault");
    dataset.site.disclosure.get_or_insert_default();
    dataset.render()
}

/// Brings a dataset in, as `almanac import` does.
///
/// # Errors
/// As the command.
pub async fn import(state: &State, dataset: &Dataset, reason: &str) -> Result<Imported> {
    import_with(state, dataset, Terms { reason, may_weaken_disclosure: false }).await
}

/// Brings a dataset in, as `almanac import --weaken-disclosure` does.
///
/// # Errors
/// As the command.
pub async fn import_weakening(state: &State, dataset: &Dataset, reason: &str) -> Result<Imported> {
    import_with(state, dataset, Terms { reason, may_weaken_disclosure: true }).await
}

async fn import_with(state: &State, dataset: &Dataset, terms: Terms<'_>) -> Result<Imported> {
    let mut transaction = begin(state).await?;
    let imported = dataset::import(&mut transaction, &Editor::command_line(), dataset, terms).await?;
    if imported.added + imported.changed > 0 {
        transaction.commit("import").await?;
    }
    Ok(imported)
}
