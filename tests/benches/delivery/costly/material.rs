//! What costly requests need of a server beforehand: a session, documents to name, drafts to write, links to follow.

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::mutation;

use crate::{
    load::Connection,
    reading::{data, persisted_hash, post, post_body},
    updating,
};

/// How many pages there are without a text, to be written.
const DRAFTS: usize = 40;
/// How many links to drafts there are, of each kind.
const PREVIEWS: usize = 40;

/// What the requests are about.
#[derive(Debug, Default)]
pub struct Material {
    /// The access token of an administrator.
    pub token: String,
    /// Documents of texts of pages.
    pub texts: Vec<String>,
    /// Documents of pages.
    pub pages: Vec<String>,
    /// Documents of pages without a text.
    pub drafts: Vec<String>,
    /// The tokens of links to texts of pages.
    pub page_previews: Vec<String>,
    /// The tokens of links to year sheets.
    pub sheet_previews: Vec<String>,
    /// The codes of all countries.
    pub countries: Vec<String>,
    /// A moment at which all figures were public.
    pub moment: String,
    /// A long operation that is known by its hash.
    pub persisted: String,
}

impl Material {
    /// Asks for it, and makes what there is not. `prefix` tells it apart from what others make on the same server.
    ///
    /// # Errors
    /// When the server refuses something.
    pub async fn gather(server: std::net::SocketAddr, prefix: &str) -> anyhow::Result<Self> {
        let token = updating::sign_in(server).await?;
        let mut connection = Connection::open(server).await?;
        let mut material = Self { token, ..Self::default() };
        for (kind, first) in [("PAGE_TEXT", 100), ("PAGE", 100), ("YEAR_SHEET", PREVIEWS)] {
            let list =
                format!("{{ documents(first: {first}, filter: {{ kind: [{kind}] }}) {{ nodes {{ id version }} }} }}");
            let answer = data(&connection.ask(&post(&list, "", &material.token)).await?)?;
            let nodes = answer.pointer("/data/documents/nodes").and_then(Value::as_array).context("documents")?.clone();
            if kind != "PAGE" {
                for node in nodes.iter().take(PREVIEWS) {
                    let input = json!({ "id": node["id"], "version": node["version"], "minutes": 600 });
                    let payload = material.write(&mut connection, "previewCreate", input).await?;
                    let link = payload.pointer("/preview/token").and_then(Value::as_str).context("a link")?.to_owned();
                    let links =
                        if kind == "PAGE_TEXT" { &mut material.page_previews } else { &mut material.sheet_previews };
                    links.push(link);
                }
            }
            let ids = nodes.iter().filter_map(|node| node["id"].as_str().map(str::to_owned)).collect();
            match kind {
                "PAGE_TEXT" => material.texts = ids,
                "PAGE" => material.pages = ids,
                _ => (),
            }
        }
        for number in 0..DRAFTS {
            let input = json!({ "slug": format!("{prefix}-{number}") });
            let payload = material.write(&mut connection, "pageCreate", input).await?;
            let id = payload.pointer("/document/id").and_then(Value::as_str).context("a page")?;
            material.drafts.push(id.to_owned());
        }
        let answer = data(&connection.ask(&post("{ countries { code } }", "", "")).await?)?;
        let countries = answer.pointer("/data/countries").and_then(Value::as_array).context("countries")?;
        material.countries =
            countries.iter().filter_map(|country| country["code"].as_str().map(str::to_owned)).collect();
        let answer = data(&connection.ask(&post("{ vintages { publishedAt } }", "", "")).await?)?;
        let vintages = answer.pointer("/data/vintages").and_then(Value::as_array).context("vintages")?;
        let newest = vintages.last().and_then(|vintage| vintage["publishedAt"].as_str());
        newest.context("a vintage")?.clone_into(&mut material.moment);
        material.persist(&mut connection, prefix).await?;
        Ok(material)
    }

    async fn persist(&mut self, connection: &mut Connection, prefix: &str) -> anyhow::Result<()> {
        let fields: String = (0..80)
            .map(|number| format!("a{number}: pages(first: $first, fallback: $fallback) {{ totalCount }} "))
            .collect();
        self.persisted = format!(
            "query($first: Int, $fallback: [Locale!]) {{ {fields} {} }} # {prefix}",
            "site { name } ".repeat(700)
        );
        let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": persisted_hash(&self.persisted) } });
        let body = json!({ "query": self.persisted, "variables": { "first": 1 }, "extensions": extensions });
        data(&connection.ask(&post_body(&body.to_string(), "")).await?)?;
        Ok(())
    }

    /// Runs a mutation that must not be refused, and returns its payload.
    async fn write(&self, connection: &mut Connection, what: &str, input: Value) -> anyhow::Result<Value> {
        let request = post(&mutation(what, &input), &json!({ "input": input }).to_string(), &self.token);
        let answer = data(&connection.ask(&request).await?)?;
        let payload = answer.pointer("/data").and_then(|data| data.get(what)).with_context(|| answer.to_string())?;
        anyhow::ensure!(payload["errors"] == json!([]), "{what}: {payload}");
        Ok(payload.clone())
    }
}
