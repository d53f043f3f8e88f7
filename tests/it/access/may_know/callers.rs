//! Those who ask: without a right, by role, with a token of one scope, demoted, disabled, and with what has ended.

use chrono::Duration;
use entities::Role;
use serde_json::json;
use tests::{ADMINISTRATOR, Client, Credentials, EDITOR, READER, STATISTICIAN, TRANSLATOR, TestApp, commands};

use super::things::Kind;

/// Every capability that a token may have.
pub const CAPABILITIES: [&str; 10] = [
    "READ_DRAFTS",
    "WRITE_TEXTS",
    "WRITE_CONTENT",
    "PUBLISH_CONTENT",
    "WRITE_FIGURES",
    "PUBLISH_FIGURES",
    "MANAGE_SITE",
    "MANAGE_PEOPLE",
    "READ_AUDIT",
    "READ_CONFIDENTIAL",
];

/// Callers that ask the same database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Anonymous, or with something that has ended.
    WithoutRights,
    /// A session of each role, and one whose role was more.
    Roles,
    /// API tokens of an administrator: one with each capability alone, and some with two.
    Scopes,
}

/// Somebody who asks, and what they may do: written by hand, as it is promised.
pub struct Caller {
    pub name: &'static str,
    pub client: Client,
    capabilities: Vec<&'static str>,
    /// Whether they may write in English only.
    english_only: bool,
    /// Whether what they show has ended, so that the door is as far as they come, whatever they ask about.
    pub is_turned_away: bool,
}

impl Caller {
    fn new(name: &'static str, client: Client, capabilities: &[&'static str]) -> Self {
        Self { name, client, capabilities: capabilities.to_vec(), english_only: false, is_turned_away: false }
    }

    fn turned_away(name: &'static str, client: Client) -> Self {
        Self { is_turned_away: true, ..Self::new(name, client, &[]) }
    }

    pub fn may(&self, capability: &str) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Whether they may read drafts of this kind.
    pub fn reads(&self, kind: Kind) -> bool {
        match kind {
            Kind::Account | Kind::ApiToken => self.may("MANAGE_PEOPLE"),
            Kind::YearSheet => self.may("READ_CONFIDENTIAL"),
            _ => self.may("READ_DRAFTS"),
        }
    }

    /// Whether they may save documents of this kind.
    pub fn saves(&self, kind: Kind) -> bool {
        let capability = match kind {
            Kind::Account | Kind::ApiToken => "MANAGE_PEOPLE",
            Kind::Site => "MANAGE_SITE",
            Kind::Page | Kind::StaffMember => "WRITE_CONTENT",
            Kind::PageText | Kind::StaffText => "WRITE_TEXTS",
            Kind::Country | Kind::Category | Kind::YearSheet | Kind::FactSheetMetadata => "WRITE_FIGURES",
        };
        let is_text = matches!(kind, Kind::PageText | Kind::StaffText);
        self.may(capability) && (kind != Kind::YearSheet || self.reads(kind)) && (!self.english_only || is_text)
    }

    /// Whether they may publish documents of this kind.
    pub fn publishes(&self, kind: Kind) -> bool {
        let capability = match kind {
            Kind::Account | Kind::ApiToken => "MANAGE_PEOPLE",
            Kind::Site => "MANAGE_SITE",
            Kind::Page | Kind::StaffMember | Kind::PageText | Kind::StaffText => "PUBLISH_CONTENT",
            Kind::Country | Kind::Category | Kind::YearSheet | Kind::FactSheetMetadata => "PUBLISH_FIGURES",
        };
        self.may(capability) && (kind != Kind::YearSheet || self.reads(kind))
    }
}

async fn signed_in(app: &TestApp, credentials: Credentials) -> Client {
    app.bearer(&app.sign_in(credentials).await.access_token)
}

/// An API token of this client's account: its text and its id.
async fn token(app: &TestApp, owner: &Client, capabilities: &[&str]) -> (Client, String) {
    let expires = app.state().now() + Duration::days(7);
    let input = json!({ "name": "A script", "capabilities": capabilities, "expiresAt": expires });
    let made = owner.done("apiTokenCreate", input).await;
    let id = made["apiToken"]["id"].as_str().expect("an id").to_owned();
    (app.bearer(made["token"].as_str().expect("a token")), id)
}

/// Somebody who may know of everything.
pub async fn administrator(app: &TestApp) -> Caller {
    Caller::new("ADMINISTRATOR", app.administrator().await, &CAPABILITIES)
}

const DISABLED: Credentials = Credentials { email: "disabled@example.org", password: "a former password" };
const DEMOTED: Credentials = Credentials { email: "demoted@example.org", password: "a former password" };

/// An administrator and a token with everything, before something happens to the account.
async fn former(app: &TestApp, credentials: Credentials) -> (Client, Client) {
    let Credentials { email, password } = credentials;
    commands::add(app.state(), email, Role::Administrator, &[], password).await.expect("an account");
    let session = signed_in(app, credentials).await;
    let (token, _) = token(app, &session, &CAPABILITIES).await;
    (session, token)
}

/// The callers of a group.
pub async fn of(app: &TestApp, group: Group) -> Vec<Caller> {
    let administrator = app.administrator().await;
    match group {
        Group::WithoutRights => {
            let soon = app.state().now() + Duration::seconds(1);
            let input = json!({ "name": "A script", "capabilities": CAPABILITIES, "expiresAt": soon });
            let expired = administrator.done("apiTokenCreate", input).await;
            let expired = app.bearer(expired["token"].as_str().expect("a token"));
            app.clock().advance(Duration::seconds(1));
            let signed_out = signed_in(app, ADMINISTRATOR).await;
            signed_out.run("mutation { signOut { signedOut } }", json!({})).await;
            let (revoked, id) = token(app, &administrator, &CAPABILITIES).await;
            administrator.done("apiTokenRevoke", json!({ "id": id })).await;
            let (disabled, token_of_disabled) = former(app, DISABLED).await;
            commands::disable(app.state(), DISABLED.email).await.expect("disabled");
            vec![
                Caller::new("anonymous", app.anonymous(), &[]),
                Caller::turned_away("an account that was disabled", disabled),
                Caller::turned_away("a token of an account that was disabled", token_of_disabled),
                Caller::turned_away("a token that was revoked", revoked),
                Caller::turned_away("a token that has expired", expired),
                Caller::turned_away("a session that was ended", signed_out),
            ]
        }
        Group::Roles => {
            let (demoted, token_of_demoted) = former(app, DEMOTED).await;
            let accounts = administrator.run("{ accounts(first: 100) { nodes { id email } } }", json!({})).await;
            let accounts = accounts.at("/data/accounts/nodes").as_array().expect("accounts").clone();
            let id =
                accounts.iter().find(|account| account["email"] == DEMOTED.email).expect("the account")["id"].clone();
            administrator.done("accountUpdate", json!({ "id": id, "role": "READER" })).await;
            let figures = ["READ_DRAFTS", "WRITE_FIGURES", "PUBLISH_FIGURES", "READ_CONFIDENTIAL"];
            let all_of_content = [&figures[..], &["WRITE_TEXTS", "WRITE_CONTENT", "PUBLISH_CONTENT"]].concat();
            let mut translator =
                Caller::new("TRANSLATOR", signed_in(app, TRANSLATOR).await, &["READ_DRAFTS", "WRITE_TEXTS"]);
            translator.english_only = true;
            vec![
                Caller::new("READER", signed_in(app, READER).await, &["READ_DRAFTS"]),
                translator,
                Caller::new("STATISTICIAN", signed_in(app, STATISTICIAN).await, &figures),
                Caller::new("EDITOR", signed_in(app, EDITOR).await, &all_of_content),
                Caller::new("ADMINISTRATOR", administrator, &CAPABILITIES),
                Caller::new("an account that was demoted to READER", demoted, &["READ_DRAFTS"]),
                Caller::new("a token of an account that was demoted to READER", token_of_demoted, &["READ_DRAFTS"]),
            ]
        }
        Group::Scopes => {
            let alone = CAPABILITIES.map(|capability| (capability, vec![capability]));
            // Writing figures takes reading them, publishing content does not.
            let together = [
                ("WRITE_FIGURES and READ_CONFIDENTIAL", vec!["WRITE_FIGURES", "READ_CONFIDENTIAL"]),
                ("WRITE_CONTENT and PUBLISH_CONTENT", vec!["WRITE_CONTENT", "PUBLISH_CONTENT"]),
            ];
            let mut callers = Vec::new();
            for (name, capabilities) in alone.into_iter().chain(together) {
                let (client, _) = token(app, &administrator, &capabilities).await;
                callers.push(Caller::new(name, client, &capabilities));
            }
            callers
        }
    }
}
