//! What is written: one figure and the total it is a part of, published in the same step, against the version read.
//!
//! Each writer has a year sheet for itself, so that there are no conflicts; what they share is the database.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tests::big_dataset::{CATEGORIES, YEARS};

use crate::{
    load::{Client, Connection},
    process::{EMAIL, PASSWORD, Server},
    reading::{data, post},
};

/// The numbers of writers that write at the same time.
pub const WRITERS: [usize; 2] = [1, 32];
/// The country whose figure changes.
const COUNTRY: &str = "CN";

const UPDATE: &str = "mutation ($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) {
    yearSheet { version publishedVersion } errors { code message }
} }";
const SHEET: &str = "query ($category: CategoryCode!, $year: Year!) {
    countries { code }
    yearSheet(category: $category, year: $year) { version draft { total counts { country value } } }
}";
const SIGN_IN: &str = "mutation ($input: SignInInput!) { signIn(input: $input) {
    session { accessToken } errors { code message }
} }";

/// Someone who writes to one year sheet.
pub struct Writer {
    connection: Connection,
    token: String,
    category: &'static str,
    year: i64,
    version: i64,
    value: i64,
    total: i64,
}

/// Signs the administrator in.
///
/// # Errors
/// When that is refused.
pub async fn sign_in(server: SocketAddr) -> anyhow::Result<String> {
    let variables = json!({ "input": { "email": EMAIL, "password": PASSWORD } }).to_string();
    let mut connection = Connection::open(server).await?;
    let answer = data(&connection.ask(&post(SIGN_IN, &variables, "")).await?)?;
    let token = answer.pointer("/data/signIn/session/accessToken").and_then(Value::as_str);
    Ok(token.with_context(|| answer.to_string())?.to_owned())
}

impl Writer {
    /// The writer with this number, on a sheet that has figures.
    ///
    /// # Errors
    /// When the sheet cannot be read or made.
    pub async fn new(server: &Server, token: &str, number: usize) -> anyhow::Result<Self> {
        let mut connection = Connection::open(server.address()).await?;
        let category = CATEGORIES.get(number % CATEGORIES.len()).copied().context("a category")?;
        let year = YEARS.0 + i64::try_from(number / CATEGORIES.len())?;
        let variables = json!({ "category": category, "year": year }).to_string();
        let answer = data(&connection.ask(&post(SHEET, &variables, token)).await?)?;
        let sheet = answer.pointer("/data/yearSheet").with_context(|| answer.to_string())?;
        let version = sheet.get("version").and_then(Value::as_i64).unwrap_or_default();
        let token = token.to_owned();
        let mut writer = Self { connection, token, category, year, version, value: 100, total: 0 };
        if version == 0 {
            let codes = answer.pointer("/data/countries").and_then(Value::as_array).context("countries")?;
            let counts: Vec<Value> =
                codes.iter().map(|country| json!({ "country": country["code"], "value": writer.value })).collect();
            writer.total = writer.value * i64::try_from(counts.len())?;
            writer.write(json!({ "counts": counts, "kind": "RELEASE" })).await?;
        } else {
            let draft = &sheet["draft"];
            writer.total = draft["total"].as_i64().context("a total")?;
            let counts = draft["counts"].as_array().context("counts")?;
            let count = counts.iter().find(|count| count["country"] == COUNTRY).context("a count")?;
            writer.value = count["value"].as_i64().context("a value")?;
        }
        Ok(writer)
    }

    /// Sends `input` with everything that an update needs beside it.
    async fn write(&mut self, mut input: Value) -> anyhow::Result<()> {
        input["category"] = json!(self.category);
        input["year"] = json!(self.year);
        input["expectedVersion"] = json!(self.version);
        input["total"] = json!(self.total);
        input["publish"] = json!(true);
        let variables = json!({ "input": input }).to_string();
        let answer = data(&self.connection.ask(&post(UPDATE, &variables, &self.token)).await?)?;
        let payload = answer.pointer("/data/visitCountsUpdate").with_context(|| answer.to_string())?;
        let written = payload.pointer("/yearSheet/version").and_then(Value::as_i64);
        let public = payload.pointer("/yearSheet/publishedVersion").and_then(Value::as_i64);
        self.version += 1;
        ensure!(written == Some(self.version) && public == written, "an update was refused: {payload}");
        Ok(())
    }
}

impl Client for Writer {
    async fn turn(&mut self) -> anyhow::Result<()> {
        self.value += 1;
        self.total += 1;
        let counts = json!([{ "country": COUNTRY, "value": self.value }]);
        self.write(json!({ "counts": counts, "kind": "REVISION", "reason": "A visit was added" })).await
    }
}
