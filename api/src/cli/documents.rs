//! `almanac documents`: which documents front ends may run by name.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;

use crate::{
    access::Administrator,
    delivery::documents::{self, Added, manifest},
    graphql::request::operation_names,
    http,
    state::State,
};

#[derive(Debug, Subcommand)]
pub(super) enum Documents {
    /// Trust the documents of a front end: all of them, or none when one has a fault. Prints how many were added.
    Add {
        /// What its tools wrote down: persisted-documents.json of graphql-codegen, the file of Relay's persistConfig, a
        /// persisted query manifest of Apollo; or a `.graphql` file, whose id is the SHA-256 of its text.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// List the trusted documents, a line each: id and the names of its operations, separated by a tab.
    List,
    /// Trust documents no longer: all that are named, or none when one is not there.
    Remove {
        /// Their ids.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

pub(super) async fn run(state: &State, administrator: &Administrator, command: Documents) -> anyhow::Result<()> {
    match command {
        Documents::Add { files } => add(state, administrator, &files).await,
        Documents::List => {
            let line = |(id, text): (String, String)| format!("{id}\t{}\n", operation_names(&text).join(","));
            super::say(&documents::all(state.database()).await?.into_iter().map(line).collect::<String>())
        }
        Documents::Remove { ids } => {
            let mut transaction = super::begin(state).await?;
            if let Err(faults) = documents::remove(&mut transaction, administrator, &ids).await? {
                bail!(lines(&faults));
            }
            Ok(transaction.commit("documents remove").await?)
        }
    }
}

async fn add(state: &State, administrator: &Administrator, files: &[PathBuf]) -> anyhow::Result<()> {
    let (mut documents, mut faults) = (BTreeMap::new(), Vec::new());
    for file in files {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let found = manifest::read(file, text).with_context(|| format!("{} cannot be read", file.display()))?;
        for (id, text) in found {
            faults.extend(documents::collect(&mut documents, id, text).err().map(|fault| fault.to_string()));
        }
    }
    let service = http::service(state)?;
    for (id, text) in &documents {
        if let Err(refusal) = service.validate(text) {
            faults.extend(refusal.messages().map(|message| format!("{id}: {message}")));
        }
    }
    if !faults.is_empty() {
        bail!(lines(&faults));
    }
    let mut transaction = super::begin(state).await?;
    let Added { added, unchanged } = match documents::add(&mut transaction, administrator, documents).await? {
        Ok(outcome) => outcome,
        Err(faults) => bail!(lines(&faults)),
    };
    if added > 0 {
        transaction.commit("documents add").await?;
    }
    super::say(&format!("{added} added, {unchanged} unchanged.\n"))
}

/// One fault a line.
fn lines(faults: &[impl ToString]) -> String {
    faults.iter().map(|fault| format!("\n  {}", fault.to_string())).collect::<String>()
}
