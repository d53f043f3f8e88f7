//! Documents made to cost more than they look: each is answered or refused soon, and nothing that is remembered of them
//! grows without bound. What meets a limit at the door is in `limits`.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{
    Client, Reply, TestApp,
    attacks::{
        Attack, BY_ENGINE,
        Fate::{self, Answered, Failed, Refused},
        attacks, crowd,
    },
};

use super::{address, import};

/// Far more than any of them takes, in a debug build on a busy machine.
const SOON: Duration = Duration::from_secs(2);

/// An app with pages enough for lists to be long.
async fn crowded() -> TestApp {
    let app = TestApp::new().await;
    import(&app, crowd).await;
    app
}

fn fate(reply: &Reply) -> Option<Fate> {
    let code = |code: &str| {
        ["LIMIT_EXCEEDED", "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].into_iter().find(|known| *known == code)
    };
    if reply.errors().is_empty() {
        return Some(Answered);
    }
    let code = code(reply.code())?;
    Some(if reply.json().get("data").is_some() { Failed(code) } else { Refused(code) })
}

async fn run(client: &Client, attack: &Attack) -> Reply {
    client.run(&attack.document, attack.variables.clone()).await
}

// As the server has them: with threads to spare, what may take long is done apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hostile_document_may_cost_is_decided_before_it_is_run() {
    // After a start, when texts are in memory.
    let app = crowded().await.reopen().await;
    let (anonymous, administrator) = (app.anonymous(), app.administrator().await);
    let (mut wrong, mut statements) = (Vec::new(), 0);
    for attack in attacks() {
        app.statements().reset();
        let reply = run(if attack.signed_in { &administrator } else { &anonymous }, &attack).await;
        if !attack.signed_in {
            statements += app.statements().so_far();
        }
        if fate(&reply) != Some(attack.fate) {
            let text = reply.text();
            wrong.push(format!("{}: {} {}", attack.name, reply.status(), text.chars().take(300).collect::<String>()));
        }
        let errors = reply.errors().len();
        assert!(errors <= 100, "{}: {errors} errors", attack.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // One for each document that asks for texts of pages that are not in memory, and one for what was public earlier.
    assert!(statements <= 4, "{statements} statements");
}

#[tokio::test]
async fn every_hostile_document_is_answered_or_refused_soon() {
    let app = crowded().await;
    let app = app.with(|config| config.response_cache_bytes = 0).await;
    let (anonymous, administrator) = (app.anonymous(), app.administrator().await);
    let mut slow = Vec::new();
    for attack in attacks() {
        let client = if attack.signed_in { &administrator } else { &anonymous };
        // As it is, and by the engine.
        let start = attack.document.find('{').expect("a document") + 1;
        let mut by_engine = attack.document.clone();
        by_engine.insert_str(start, BY_ENGINE);
        for document in [attack.document, by_engine] {
            let began = Instant::now();
            client.run(&document, attack.variables.clone()).await;
            let took = began.elapsed();
            if took > SOON {
                slow.push(format!("{}: {took:?}", attack.name));
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

#[tokio::test]
async fn hostile_documents_leave_no_more_behind_than_there_is_room_for() {
    const ROOM: u64 = 256 * 1024;
    let app = crowded().await;
    let app = app.with(|config| config.response_cache_bytes = ROOM).await;
    for (number, attack) in attacks().into_iter().cycle().take(200).enumerate() {
        // Each time another document, so that nothing is found again.
        let query = format!("{} # {number}", attack.document);
        let variables = attack.variables.to_string();
        // Longer ones do not fit an address.
        if query.len() + variables.len() > 20_000 {
            continue;
        }
        app.anonymous().get(&address(&query, &[("variables", &variables)])).await;
        assert!(app.state().answers().bytes() <= ROOM, "{}", attack.name);
    }
    let reply = app.anonymous().run("{ site { id } }", json!({})).await;
    assert!(reply.data()["site"]["id"].is_string());
}
