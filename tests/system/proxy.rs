//! A cache in front (nginx): what it may keep it keeps, what it is told to forget it forgets, and it never gives anybody what
//! somebody else alone may see.

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::json;
use tempfile::TempDir;
use tests::Backend;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    blank::Blank,
    http::{Answer, Client},
    process::{PATIENCE, Server},
};

const ADMIN: &str = "admin@example.org";
const PASSWORD: &str = "a password from a file";

/// A caching proxy in front of a server, stopped when dropped.
struct Proxy {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Proxy {
    /// Nothing when there is no nginx, which is a failure where `ALMANAC_REQUIRE_NGINX` is set.
    async fn start(upstream: SocketAddr) -> Option<Self> {
        let found = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"].map(Path::new);
        let Some(program) = found.into_iter().find(|path| path.exists()) else {
            assert!(option_env!("ALMANAC_REQUIRE_NGINX").is_none(), "there is no nginx");
            writeln!(std::io::stderr(), "There is no nginx: a test of caches in front is skipped.").ok();
            return None;
        };
        let folder = TempDir::new().expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let root = folder.path().display();
        let user = if is_root() { "user root;" } else { "" };
        let configuration = format!(
            "{user} daemon off; pid {root}/pid; error_log {root}/error.log; events {{}}
            http {{
                access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/temp;
                fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
                proxy_cache_path {root}/cache keys_zone=almanac:1m;
                server {{
                    listen {address};
                    location / {{
                        proxy_pass http://{upstream}; proxy_http_version 1.1; proxy_set_header Host $http_host;
                        proxy_cache almanac; proxy_cache_revalidate on; proxy_cache_lock on;
                        proxy_cache_background_update on; add_header X-Cache $upstream_cache_status;
                    }}
                }}
            }}"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).expect("a file");
        let child = Command::new(program)
            .args(["-p".as_ref(), folder.path(), "-c".as_ref(), file.as_path()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let proxy = Self { child, address, folder };
        let reached = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, reached).await.expect("nginx listens");
        Some(proxy)
    }

    fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Has it forget every answer with this tag. The distribution's nginx has no command for it, but keeps the headers of an
    /// answer in its file.
    fn purge(&self, tag: &str) -> usize {
        let is_tagged = |path: &PathBuf| {
            let kept = String::from_utf8_lossy(&fs::read(path).expect("a kept answer")).into_owned();
            let tags = kept.lines().find_map(|line| line.strip_prefix("surrogate-key: ")).unwrap_or_default();
            tags.split_whitespace().any(|kept| kept == tag)
        };
        let kept: Vec<PathBuf> = fs::read_dir(self.folder.path().join("cache"))
            .expect("the cache")
            .map(|entry| entry.expect("an entry").path())
            .filter(is_tagged)
            .collect();
        for path in &kept {
            fs::remove_file(path).expect("it goes");
        }
        kept.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // With its worker.
        Command::new("kill").arg(self.child.id().to_string()).status().ok();
        self.child.wait().ok();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|about| std::os::unix::fs::MetadataExt::uid(&about) == 0)
}

const STAFF: &str = "/graphql?query=%7Bstaff(locale:%22en%22)%7Bname%7D%7D";
const PAGE: &str = "/graphql?query=%7Bpage(slug:%22about-us%22,locale:%22en%22)%7Btitle%7D%7D";

async fn get(client: &Client, address: &str) -> Answer {
    let answer = client.get(address).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

fn was_kept(answer: &Answer) -> bool {
    answer.head.contains("x-cache: hit")
}

#[tokio::test]
async fn a_cache_in_front_keeps_what_is_public_forgets_what_changed_and_tells_nobody_a_draft() {
    let blank = Blank::on(Backend::Sqlite).await.expect("SQLite is always there");
    let file = blank.file("password", PASSWORD);
    let arguments =
        ["--admin-password-file", &file, "--log", "warn", "--shared-max-age", "3600", "--stale-while-revalidate", "0"];
    let server = Server::start(blank.serve(&arguments)).await;
    let Some(proxy) = Proxy::start(server.address()).await else { return };
    let (client, editor) = (proxy.client(), server.anonymous().sign_in(ADMIN, PASSWORD).await);

    for address in [STAFF, PAGE] {
        let first = get(&client, address).await;
        let second = get(&client, address).await;
        assert!(!was_kept(&first) && was_kept(&second), "{}", second.head);
        assert_eq!(first.text, second.text);
    }

    // Somebody with a token is never answered from what was kept for others, nor is their answer kept.
    let signed_in = client.bearer(editor.token().expect("a token"));
    for _ in 0..2 {
        let answer = get(&signed_in, PAGE).await;
        assert!(!was_kept(&answer) && answer.head.contains("cache-control: private, no-store"), "{}", answer.head);
    }

    // A draft is nobody's business, cached or not.
    let page = editor.run("{ page(slug: \"about-us\") { id } }", json!({})).await.text_at("/data/page/id");
    let save = "mutation($input: PageTextSaveInput!) {
        pageTextSave(input: $input) { document { id version } errors { code message path } }
    }";
    let input = json!({ "pageId": page, "locale": "en", "expectedVersion": 1, "title": "A new title" });
    let saved = editor.run(save, json!({ "input": input })).await;
    assert_eq!(saved.at("/data/pageTextSave/errors"), &json!([]), "{}", saved.text);
    assert_eq!(proxy.purge("pages"), 0, "one page does not depend on the others");
    assert!(!get(&client, PAGE).await.text.contains("A new title"));

    // Published, it is kept until the cache is told, by the tag that the answer bears; other answers stay.
    let publish =
        "mutation($input: PublishInput!) { publish(input: $input) { document { id } errors { code message path } } }";
    let input = json!({ "id": saved.at("/data/pageTextSave/document/id"), "expectedVersion": saved.at("/data/pageTextSave/document/version") });
    let published = editor.run(publish, json!({ "input": input })).await;
    assert_eq!(published.at("/data/publish/errors"), &json!([]), "{}", published.text);
    let kept = get(&client, PAGE).await;
    assert!(was_kept(&kept));
    let tag = kept.head.lines().find_map(|line| line.strip_prefix("surrogate-key: ")).expect("tags");
    let tag = tag.split_whitespace().find(|tag| tag.starts_with("page:")).expect("the tag of the page");
    assert_eq!(proxy.purge(tag), 1);
    assert!(get(&client, PAGE).await.text.contains("A new title"));
    assert!(was_kept(&get(&client, STAFF).await));
}

#[tokio::test]
async fn a_cache_in_front_that_is_told_nothing_is_not_older_than_it_may_be() {
    let blank = Blank::on(Backend::Sqlite).await.expect("SQLite is always there");
    let file = blank.file("password", PASSWORD);
    let arguments =
        ["--admin-password-file", &file, "--log", "warn", "--shared-max-age", "1", "--stale-while-revalidate", "0"];
    let server = Server::start(blank.serve(&arguments)).await;
    let Some(proxy) = Proxy::start(server.address()).await else { return };
    let (client, editor) = (proxy.client(), server.anonymous().sign_in(ADMIN, PASSWORD).await);
    let address = "/graphql?query=%7BfactSheet(from:2030)%7Byears%7D%7D";
    assert_eq!(get(&client, address).await.at("/data/factSheet/years"), &json!([]));
    let update = "mutation($input: VisitCountsUpdateInput!) {
        visitCountsUpdate(input: $input) { errors { code message path } }
    }";
    let input = json!({
        "category": "RESIDENT", "year": 2030, "expectedVersion": 0, "publish": true,
        "counts": [{ "country": "CN", "value": 1 }],
    });
    let updated = editor.run(update, json!({ "input": input })).await;
    assert_eq!(updated.at("/data/visitCountsUpdate/errors"), &json!([]), "{}", updated.text);
    let begun = tokio::time::Instant::now();
    while get(&client, address).await.at("/data/factSheet/years") != &json!([2030]) {
        tokio::task::yield_now().await;
        assert!(begun.elapsed() < PATIENCE, "old for ever");
    }
}
