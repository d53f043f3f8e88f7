//! `/metrics`: what the process counts, in the text format of Prometheus. Counts only: nothing in it names a person, a
//! request or a document.

use poem::{IntoResponse, Response, handler, http::header, web::Data};

use super::PRIVATE;
use crate::state::State;

/// What the process counts.
#[handler]
pub(super) fn metrics(state: Data<&State>) -> Response {
    let answers = state.answers();
    let (hits, misses) = answers.hits_and_misses();
    let mut text = String::new();
    let mut add = |name: &str, kind: &str, help: &str, value: u64| {
        text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    };
    add("almanac_response_cache_hits_total", "counter", "Requests answered with what was answered before.", hits);
    add("almanac_response_cache_misses_total", "counter", "Requests for which an answer was made to be kept.", misses);
    add("almanac_response_cache_bytes", "gauge", "Bytes of the answers that are kept.", answers.bytes());
    add("almanac_response_cache_entries", "gauge", "Answers that are kept.", answers.len() as u64);
    add("almanac_page_body_bytes", "gauge", "Bytes of the texts of pages in memory.", state.bodies().bytes());
    add(
        "almanac_change_seq",
        "gauge",
        "The newest change that is served.",
        u64::try_from(state.snapshot().seq).unwrap_or_default(),
    );
    add(
        "almanac_snapshot_age_seconds",
        "gauge",
        "Time since what is served was last known to be the newest.",
        state.feed().age(state.now()).as_secs(),
    );
    if let Some(bytes) = resident_memory() {
        add("process_resident_memory_bytes", "gauge", "Memory of the process that is in use.", bytes);
    }
    text.with_content_type("text/plain; version=0.0.4; charset=utf-8")
        .with_header(header::CACHE_CONTROL, PRIVATE)
        .into_response()
}

/// The resident set, where the system tells it (`proc(5)`).
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
