//! Writers publish while readers read on two processes: no answer mixes two states, none goes back in time for one client,
//! none is older than the change that it was asked for with.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
};

use api::delivery::feed;
use serde_json::{Value, json};
use tests::{Backend, Client, Reply, TestApp};
use tokio::task::JoinSet;

/// How many reads there are in all, unless `ALMANAC_TEST_READS` says another number.
const READS: usize = 20_000;
const WRITERS: i64 = 2;
const READERS: usize = 8;
const TOKEN: &str = "almanac-change-token";

/// Publishes one number three times: as two counts and, twice, as their total.
async fn publish(editor: &Client, year: i64, version: i64, value: i64) -> String {
    let input = json!({
        "category": "RESIDENT", "year": year, "expectedVersion": version, "publish": true,
        "kind": if version == 0 { "RELEASE" } else { "REVISION" }, "reason": "Counted again",
        "counts": [{ "country": "CN", "value": value }, { "country": "KR", "value": value }],
        "total": 2 * value,
    });
    // A machine under this load may well keep a writer waiting too long. Sent again, it takes effect once.
    let keyed = editor.keyed(&format!("{year} {version}"));
    let reply = loop {
        let reply = keyed.mutate("visitCountsUpdate", input.clone()).await;
        if reply.errors().is_empty() || reply.code() != "UNAVAILABLE" {
            break reply;
        }
    };
    assert_eq!(reply.user_errors("visitCountsUpdate"), [] as [Value; 0]);
    reply.header(TOKEN).expect("a token").to_owned()
}

/// The number that was published last, or 0; all that is read of it must agree.
fn number(reply: &Reply) -> i64 {
    let figures = &reply.data()["factSheet"]["categories"][0];
    let Some(total) = figures["yearlyTotals"][0]["publishedTotal"].as_i64() else { return 0 };
    let counts = figures["countries"].as_array().expect("countries");
    let counts: Vec<i64> = counts.iter().filter_map(|country| country["counts"][0]["value"].as_i64()).collect();
    assert_eq!(counts, [total / 2, total / 2], "one state and no mixture: {figures}");
    assert_eq!(figures["yearlyTotals"][0]["sumOfCountries"], total);
    total / 2
}

async fn read(client: &Client, year: i64, turn: usize) -> Reply {
    // Some of them are answered out of the cache, some are documents that nobody has sent before.
    let name = if turn.is_multiple_of(7) { format!("Q{turn}") } else { "Q".to_owned() };
    let document = format!(
        "query {name} {{ factSheet(categories: [\"RESIDENT\"], from: {year}, to: {year}) {{ categories {{
            yearlyTotals {{ publishedTotal sumOfCountries }} countries {{ counts {{ value }} }} }} }} }}"
    );
    client.run(&document, json!({})).await
}

/// What a writer has published last, and its token.
#[derive(Default)]
struct Latest {
    number: AtomicI64,
    token: std::sync::Mutex<(i64, Option<String>)>,
}

async fn promise(app: TestApp) {
    let reads: usize = option_env!("ALMANAC_TEST_READS").map_or(READS, |text| text.parse().expect("a number"));
    // Time stands still, and with it the minute whose quota a million reads would use up.
    let app = app.with(|config| config.rate_limit = 0).await;
    let replica = app.reopen().await;
    let following =
        [tokio::spawn(feed::follow(app.state().clone())), tokio::spawn(feed::follow(replica.state().clone()))];
    let done = Arc::new(AtomicBool::new(false));
    let latest: Arc<Vec<Latest>> = Arc::new((0..WRITERS).map(|_| Latest::default()).collect());
    let editors = [app.editor().await, replica.editor().await];

    let mut writers = JoinSet::new();
    for (writer, editor) in (0..WRITERS).zip(editors) {
        let (done, latest) = (Arc::clone(&done), Arc::clone(&latest));
        writers.spawn(async move {
            let mine = &latest[usize::try_from(writer).expect("small")];
            let mut number = 0;
            while !done.load(Ordering::Relaxed) || number < 3 {
                let token = publish(&editor, 2030 + writer, number, number + 1).await;
                number += 1;
                *mine.token.lock().expect("a lock") = (number, Some(token));
                mine.number.store(number, Ordering::SeqCst);
            }
            number
        });
    }

    let count = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let clients = [app.anonymous(), replica.anonymous()];
        let (latest, count) = (Arc::clone(&latest), Arc::clone(&count));
        readers.spawn(async move {
            let writer = reader % 2;
            let year = 2030 + i64::try_from(writer).expect("small");
            let mut seen = 0;
            let mut token: Option<String> = None;
            let mut turn = reader;
            while count.fetch_add(1, Ordering::Relaxed) < reads {
                turn += READERS;
                let mut least = seen;
                // Half of the clients stay with one process; the others go to and fro and say what they have seen.
                let client = if reader < READERS / 2 {
                    clients[reader / 2 % 2].clone()
                } else {
                    let (number, written) = latest[writer].token.lock().expect("a lock").clone();
                    let bearer =
                        written.filter(|_| turn % 3 == 0).inspect(|_| least = least.max(number)).or(token.take());
                    let client = &clients[turn / READERS % 2];
                    bearer.map_or_else(|| client.clone(), |token| client.with(TOKEN, &token))
                };
                let reply = read(&client, year, turn).await;
                let found = number(&reply);
                assert!(found >= least, "{found} after {least}");
                seen = found;
                token = reply.header(TOKEN).map(str::to_owned);
            }
        });
    }
    while let Some(reader) = readers.join_next().await {
        reader.expect("a reader that found nothing wrong");
    }
    done.store(true, Ordering::Relaxed);
    while let Some(writer) = writers.join_next().await {
        assert!(writer.expect("a writer") >= 3, "there was something to see");
    }
    following.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_of_two_processes_see_whole_states_in_order_and_what_they_ask_for_sqlite() {
    promise(TestApp::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_of_two_processes_see_whole_states_in_order_and_what_they_ask_for_postgres() {
    if let Some(app) = TestApp::on(Backend::Postgres).await {
        promise(app).await;
    }
}
