//! `/metrics`: what the process counts, in the text format of Prometheus. Counts only: nothing in it names a person, a
//! request or a document.

use poem::{IntoResponse, Request, Response, handler, http::header, web::Data};

use super::{PRIVATE, bodies::BodyMemory, request_tracing::HungUp, server::Connections};
use crate::{
    compute_pool::{ComputePool, Load, Priority},
    state::State,
};

/// What the process counts.
#[handler]
pub(super) fn metrics(
    state: Data<&State>,
    hung_up: Data<&HungUp>,
    bodies: Data<&BodyMemory>,
    request: &Request,
) -> Response {
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
    let connections = request.extensions().get::<Connections>();
    let hung_up = hung_up.count() + connections.map_or(0, Connections::hung_up);
    add("almanac_requests_hung_up_total", "counter", "Clients that hung up before they had their answer.", hung_up);
    add("almanac_request_body_bytes", "gauge", "Bytes of request bodies in memory.", bodies.taken() as u64);
    if let Some(connections) = connections {
        add("almanac_connections", "gauge", "Connections that are open.", connections.open() as u64);
    }
    let pool = state.compute_pool();
    let (refused, abandoned) = pool.refused_and_abandoned();
    add("almanac_compute_jobs_refused_total", "counter", "Jobs for which there was no room in the queue.", refused);
    add(
        "almanac_compute_jobs_abandoned_total",
        "counter",
        "Jobs whose client hung up after they had begun.",
        abandoned,
    );
    if let Some(bytes) = resident_memory() {
        add("process_resident_memory_bytes", "gauge", "Memory of the process that is in use.", bytes);
    }
    text += &compute_pool(pool);
    text.with_content_type("text/plain; version=0.0.4; charset=utf-8")
        .with_header(header::CACHE_CONTROL, PRIVATE)
        .into_response()
}

/// What the compute pool does, by the priority of its jobs.
fn compute_pool(pool: &ComputePool) -> String {
    let loads = Priority::ALL.map(|priority| (priority.as_str(), pool.load(priority)));
    let mut text = String::new();
    let mut add = |name: &str, help: &str, value: fn(&Load) -> usize| {
        text += &format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
        for (priority, load) in &loads {
            text += &format!("{name}{{priority=\"{priority}\"}} {}\n", value(load));
        }
    };
    add("almanac_compute_permits", "Jobs of the compute pool that may run at once.", |load| load.permits);
    add("almanac_compute_jobs_running", "Jobs of the compute pool that run.", |load| load.running);
    add("almanac_compute_jobs_waiting", "Jobs of the compute pool that wait for a permit.", |load| load.waiting);
    text
}

/// The resident set, where the system tells it (`proc(5)`).
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
