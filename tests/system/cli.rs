//! The command line, through the real process.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt, path::Path};

use seed::Files;
use serde_json::json;
use tests::commands::as_exported;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    blank::{Blank, on_each_database},
    http::{Answer, Client},
    ledger,
    process::{Finished, PATIENCE, Server, almanac, run},
};

const ADMIN: &str = "admin@example.org";
const PASSWORD: &str = "a password from a file";
const EDITOR: &str = "editor@example.org";

const TOTALS: &str = "{ factSheet { categories { category { code } yearlyTotals { year publishedTotal } } } }";

/// The published total of residents in 2022.
async fn total(client: &Client) -> i64 {
    client.run(TOTALS, json!({})).await.number_at("/data/factSheet/categories/1/yearlyTotals/4/publishedTotal")
}

/// Asks until the answer is the one that is waited for.
async fn until<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asking).await.expect("it happens in time")
}

/// The folder of the example with one file changed.
fn changed_example(blank: &Blank, name: &str, file: &str, change: impl FnOnce(String) -> String) -> String {
    let mut files = Files::example();
    let text = String::from_utf8(files.get(file).expect("a file").to_vec()).expect("UTF-8");
    let changed = change(text.clone());
    assert_ne!(changed, text);
    files.insert(file, changed);
    let folder = blank.path(name);
    files.write(Path::new(&folder)).expect("a dataset folder");
    folder
}

/// The example with 68 instead of 67 residents in 2022.
fn one_more(blank: &Blank) -> String {
    changed_example(blank, "one-more", "figures/yearly_totals.csv", |text| {
        text.replace(
            "RESIDENT,2022,67,FINAL,,",
            "RESIDENT,2022,68,FINAL,1名は国が不明です。,The country of one is unknown.",
        )
    })
}

/// What the database exports, by way of a folder.
async fn export(blank: &Blank, name: &str) -> Files {
    let folder = blank.path(name);
    run(blank.almanac(&["export", &folder]), "").await.ok();
    Files::read(Path::new(&folder)).expect("an exported folder")
}

/// Starts with the password in a file.
async fn start(blank: &Blank) -> Server {
    let file = blank.file("password", &format!("{PASSWORD}\n"));
    Server::start(blank.serve(&["--admin-password-file", &file])).await
}

on_each_database! {
    async fn a_stop_right_after_the_greeting_ends_well(blank: Blank) {
        for signal in ["TERM", "INT"] {
            let server = start(&blank).await;
            server.signal(signal);
            server.end().await.ok();
        }
    }

    async fn the_first_start_says_once_how_to_sign_in_and_serves_the_example(blank: Blank) {
        let mut server = Server::start(blank.serve(&[])).await;
        let password = server.password().await;
        assert_eq!(password.len(), 24, "144 bits");
        assert_eq!(total(&server.anonymous()).await, 67);
        let administrator = server.anonymous().sign_in(ADMIN, &password).await;
        let viewer = administrator.run("{ viewer { email role } }", json!({})).await;
        assert_eq!(viewer.at("/data/viewer"), &json!({ "email": ADMIN, "role": "ADMINISTRATOR" }));

        let address = server.address();
        let Finished { output, log, .. } = server.stop().await;
        for path in ["graphql", "healthz", "readyz", ".well-known/jwks.json"] {
            assert!(output.contains(&format!("http://{address}/{path}")), "{output}");
        }
        assert_eq!(output.matches(ADMIN).count(), 1, "{output}");
        assert_eq!(output.matches(&password).count(), 1, "{output}");
        assert!(!log.contains(&password) && !log.contains(ADMIN), "{log}");
    }

    async fn a_second_start_prints_no_password_and_changes_nothing(blank: Blank) {
        Server::start(blank.serve(&[])).await.stop().await;
        let connection = blank.connect().await;
        let (rows, exported) = (ledger::rows(&connection).await, export(&blank, "first").await);

        let server = Server::start(blank.serve(&[])).await;
        assert_eq!(total(&server.anonymous()).await, 67);
        let output = server.stop().await.output;
        assert!(!output.contains("password") && !output.contains(ADMIN), "{output}");
        assert_eq!(ledger::rows(&connection).await, rows);
        assert_eq!(export(&blank, "second").await, exported);
        assert_eq!(exported, as_exported(&Files::example()));
        ledger::verify(&connection).await;
    }

    async fn a_password_file_is_honoured_and_not_printed(blank: Blank) {
        let server = start(&blank).await;
        server.anonymous().sign_in(ADMIN, PASSWORD).await;
        let Finished { output, log, .. } = server.stop().await;
        assert!(output.contains("as in the password file"), "{output}");
        assert!(!output.contains(PASSWORD) && !log.contains(PASSWORD), "{output}{log}");
    }

    async fn too_short_a_password_in_the_file_is_refused_and_the_next_start_makes_up_for_it(blank: Blank) {
        let file = blank.file("password", "elevenchars\n");
        let complaint = run(blank.serve(&["--admin-password-file", &file]), "").await.complaint();
        assert!(complaint.contains("password") && complaint.contains("12"), "{complaint}");
        assert!(!complaint.contains("elevenchars"), "{complaint}");
        assert_eq!(ledger::rows(&blank.connect().await).await["account"], 0);

        let missing = run(blank.serve(&["--admin-password-file", &blank.path("nowhere")]), "").await.complaint();
        assert!(missing.contains("nowhere cannot be read"), "{missing}");

        let server = start(&blank).await;
        server.anonymous().sign_in(ADMIN, PASSWORD).await;
        server.stop().await;
    }

    async fn a_dataset_folder_fills_an_empty_database(blank: Blank) {
        let folder = one_more(&blank);
        let server = Server::start(blank.serve(&["--dataset", &folder])).await;
        assert_eq!(total(&server.anonymous()).await, 68);
        server.stop().await;
        assert_eq!(export(&blank, "exported").await, as_exported(&Files::read(Path::new(&folder)).expect("a folder")));
    }

    async fn a_faulty_dataset_is_refused_with_every_fault_in_its_place_and_nothing_is_written(blank: Blank) {
        let folder = one_more(&blank);
        let mut files = Files::read(Path::new(&folder)).expect("a folder");
        let totals = "category,year,value,status,note_ja,note_en\nTRAVEL,1899,64,FINAL,,\nNONE,2019,-1,FINAL,,\n";
        files.insert("figures/yearly_totals.csv", totals);
        files.insert("countries.csv", "code,position,name_ja,name_en\ncn,1,中国,China\n");
        files.remove("staff.csv");
        let folder = blank.path("faulty");
        for (path, bytes) in files.iter() {
            let path = Path::new(&folder).join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, bytes).expect("a file");
        }
        let places = [
            "figures/yearly_totals.csv:2:2: year: ",
            "figures/yearly_totals.csv:3:1: category: ",
            "figures/yearly_totals.csv:3:3: value: ",
            "countries.csv:2:1: code: ",
            "staff.csv:1:1: ",
        ];

        // A first start.
        let complaint = run(blank.serve(&["--dataset", &folder]), "").await.complaint();
        for place in places {
            assert!(complaint.contains(place), "{place}: {complaint}");
        }
        let connection = blank.connect().await;
        let rows = ledger::rows(&connection).await;
        assert!(rows.iter().all(|(table, rows)| *rows == 0 || *table == "key"), "{rows:?}");

        // An import.
        Server::start(blank.serve(&[])).await.stop().await;
        let rows = ledger::rows(&connection).await;
        let complaint = run(blank.almanac(&["import", &folder]), "").await.complaint();
        for place in places {
            assert!(complaint.contains(place), "{place}: {complaint}");
        }
        assert_eq!(ledger::rows(&connection).await, rows);
        assert_eq!(export(&blank, "exported").await, as_exported(&Files::example()));
    }

    async fn an_import_of_what_is_not_there_is_refused(blank: Blank) {
        let complaint = run(blank.almanac(&["import", &blank.path("nowhere")]), "").await.complaint();
        assert!(complaint.contains("nowhere cannot be read"), "{complaint}");
    }

    async fn an_editor_added_at_the_command_line_signs_in_until_disabled(blank: Blank) {
        let server = start(&blank).await;
        let client = server.anonymous();

        let add = ["user", "add", EDITOR, "--role", "editor", "--password-stdin"];
        let added = run(blank.almanac(&add), "the editor's first\n").await.ok();
        assert_eq!(added.output, "");
        let again = run(blank.almanac(&add), "the editor's first\n").await.complaint();
        assert!(again.contains("email"), "{again}");
        let viewer = client.sign_in(EDITOR, "the editor's first").await;
        let whole = viewer.run("{ viewer { email role } }", json!({})).await;
        assert_eq!(whole.at("/data/viewer"), &json!({ "email": EDITOR, "role": "EDITOR" }));

        let password = ["user", "password", EDITOR, "--password-stdin"];
        run(blank.almanac(&password), "the editor's second\n").await.ok();
        let ended = viewer.run("{ viewer { email } }", json!({})).await;
        assert_eq!(ended.text_at("/errors/0/extensions/code"), "UNAUTHENTICATED");
        let refusal = json!({ "session": null, "errors": [{ "code": "INVALID_CREDENTIALS" }] });
        let refused = client.try_sign_in(EDITOR, "the editor's first").await;
        assert_eq!(refused.at("/data/signIn"), &refusal);
        let viewer = client.sign_in(EDITOR, "the editor's second").await;

        run(blank.almanac(&["user", "disable", EDITOR]), "").await.ok();
        let ended = viewer.run("{ viewer { email } }", json!({})).await;
        assert_eq!(ended.text_at("/errors/0/extensions/code"), "UNAUTHENTICATED");
        let refused = client.try_sign_in(EDITOR, "the editor's second").await;
        assert_eq!(refused.at("/data/signIn"), &refusal);

        client.sign_in(ADMIN, PASSWORD).await;
        server.stop().await;
        ledger::verify(&blank.connect().await).await;
    }

    async fn passwords_that_nobody_gave_are_made_and_told_once(blank: Blank) {
        run(blank.almanac(&["migrate"]), "").await.ok();
        let told = |finished: Finished| {
            let password = finished.output.strip_prefix("The password is ").map(|rest| rest.trim_end().to_owned());
            password.unwrap_or_else(|| panic!("no password in {}", finished.output))
        };
        let first = told(run(blank.almanac(&["user", "add", EDITOR, "--role", "editor"]), "").await.ok());
        let second = told(run(blank.almanac(&["user", "password", EDITOR]), "").await.ok());
        assert_eq!((first.len(), second.len()), (24, 24));
        assert_ne!(first, second);

        // There is an account, so a first start makes no other.
        let server = Server::start(blank.serve(&[])).await;
        server.anonymous().sign_in(EDITOR, &second).await;
        assert!(!server.stop().await.output.contains("password"));
    }

    async fn faulty_orders_about_accounts_are_refused(blank: Blank) {
        run(blank.almanac(&["migrate"]), "").await.ok();
        for (arguments, input, expected) in [
            (&["user", "add", EDITOR, "--role", "editor", "--password-stdin"][..], "too short", "12"),
            (&["user", "password", EDITOR, "--password-stdin"], "a long enough one", "the account does not exist"),
            (&["user", "disable", EDITOR], "", "the account does not exist"),
        ] {
            let complaint = run(blank.almanac(arguments), input).await.complaint();
            assert!(complaint.contains(expected), "{complaint}");
        }
        assert_eq!(ledger::rows(&blank.connect().await).await["account"], 0);
        let usage = run(blank.almanac(&["user", "add", "nobody", "--role", "editor"]), "").await;
        assert_eq!(usage.code, Some(2), "{}", usage.log);
    }

    async fn a_running_server_follows_a_rotation_of_keys(blank: Blank) {
        let server = start(&blank).await;
        let client = server.anonymous();
        let administrator = client.sign_in(ADMIN, PASSWORD).await;
        let keys = async || {
            let answer = client.get("/.well-known/jwks.json").await.expect("an answer");
            let keys = answer.at("/keys").as_array().expect("keys").clone();
            keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect::<BTreeSet<_>>()
        };
        let before = keys().await;
        assert_eq!(before.len(), 1);

        let rotated = run(blank.almanac(&["key", "rotate"]), "").await.ok().output;
        let after = until(async || Some(keys().await).filter(|keys| keys.len() == 2)).await;
        let new: Vec<_> = after.difference(&before).collect();
        assert!(new.len() == 1 && rotated.contains(new[0]), "{rotated}");

        // What the old key signed is valid still, and so is what the new one signs.
        for client in [administrator, client.sign_in(ADMIN, PASSWORD).await] {
            assert_eq!(client.run("{ viewer { email } }", json!({})).await.at("/data/viewer/email"), ADMIN);
        }
        server.stop().await;
        ledger::verify(&blank.connect().await).await;
    }

    async fn a_running_server_sees_an_import(blank: Blank) {
        let server = start(&blank).await;
        let client = server.anonymous();
        assert_eq!(total(&client).await, 67);
        let folder = one_more(&blank);
        let imported = run(blank.almanac(&["import", &folder, "--reason", "Counted again"]), "").await.ok();
        assert_eq!(imported.output.split(',').nth(1), Some(" 1 changed"), "{}", imported.output);
        until(async || (total(&client).await == 68).then_some(())).await;
        server.stop().await;
    }

    async fn migrating_twice_is_as_good_as_once(blank: Blank) {
        let first = run(blank.almanac(&["migrate"]), "").await.ok();
        let connection = blank.connect().await;
        let rows = ledger::rows(&connection).await;
        assert!(rows.values().all(|rows| *rows == 0), "nothing but the schema: {rows:?}");
        let second = run(blank.almanac(&["migrate"]), "").await.ok();
        assert_eq!(second.output, first.output);
        assert_eq!(ledger::rows(&connection).await, rows);
        // The accounts and the example are still to come.
        let server = start(&blank).await;
        assert_eq!(total(&server.anonymous()).await, 67);
        server.stop().await;
    }

    async fn a_stop_lets_a_request_in_flight_finish_and_ends_well(blank: Blank) {
        for signal in ["TERM", "INT"] {
            let server = start(&blank).await;
            let body = json!({ "query": TOTALS }).to_string();
            let mut head = server.anonymous().head("POST", "/graphql");
            head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
            head += "Expect: 100-continue\r\n\r\n";
            let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
            stream.write_all(head.as_bytes()).await.expect("the head is sent");
            // The server asks for the body: from here on the request is in flight.
            let mut reader = BufReader::new(&mut stream);
            let mut asked = String::new();
            while !asked.ends_with("\r\n\r\n") {
                let read = timeout(PATIENCE, reader.read_line(&mut asked)).await.expect("an answer in time");
                assert!(read.expect("an answer") > 0, "{asked}");
            }
            assert!(asked.starts_with("HTTP/1.1 100"), "{asked}");

            server.signal(signal);
            until(async || TcpStream::connect(server.address()).await.err()).await;
            stream.write_all(body.as_bytes()).await.expect("the body is sent");
            let mut response = Vec::new();
            timeout(PATIENCE, stream.read_to_end(&mut response)).await.expect("an answer in time").expect("an answer");
            let answer = Answer::parse(response).expect("a whole answer");
            assert_eq!((answer.status, answer.at("/data/factSheet").is_object()), (200, true), "{}", answer.text);
            server.end().await.ok();
        }
    }

    async fn no_secret_reaches_the_log(blank: Blank) {
        let file = blank.file("password", PASSWORD);
        let server = Server::start(blank.serve(&["--admin-password-file", &file, "--log", "trace"])).await;
        let client = server.anonymous();
        let wrong = "a wrong and secret password";
        client.try_sign_in(ADMIN, wrong).await;
        client.try_sign_in("stranger@example.org", PASSWORD).await;
        let session = client.try_sign_in(ADMIN, PASSWORD).await;
        let access = session.text_at("/data/signIn/session/accessToken");
        let refresh = session.text_at("/data/signIn/session/refreshToken");

        let administrator = client.bearer(&access);
        administrator.run("{ viewer { email } }", json!({})).await;
        // By GET, and with a password where none belongs.
        let address = "/graphql?query=%7Bviewer%7Bemail%7D%7D&variables=%7B%22secret%22%3A%22by-get%22%7D";
        administrator.get(address).await.expect("an answer");
        let input = format!("{{ email: \"{ADMIN}\", password: \"inline-secret\" }}");
        client.run(&format!("mutation {{ signIn(input: {input}) {{ nonsense }} }}"), json!({})).await;
        client.bearer("not.a.token").run("{ viewer { email } }", json!({})).await;
        let refresh_mutation = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) {
            session { accessToken refreshToken } errors { code } } }";
        let refreshed = client.run(refresh_mutation, json!({ "input": { "refreshToken": refresh } })).await;
        let next = refreshed.text_at("/data/refreshSession/session/refreshToken");
        client.run(refresh_mutation, json!({ "input": { "refreshToken": refresh } })).await;
        administrator.run("mutation { signOut { signedOut } }", json!({})).await;

        let Finished { output, log, .. } = server.stop().await;
        assert!(log.contains("/graphql"), "the requests are logged: {log}");
        let signature = access.rsplit('.').next().expect("a signature");
        let sent = [PASSWORD, wrong, "by-get", "inline-secret", "not.a.token", ADMIN, "stranger@"];
        for secret in sent.into_iter().chain([signature, &refresh, &next]) {
            let line = log.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{secret} in the log: {}", line.unwrap_or_default());
            assert!(secret == ADMIN || !output.contains(secret), "{secret} in the output: {output}");
        }
    }
}

#[tokio::test]
async fn the_schema_is_printed_exactly_as_it_is_kept() {
    let kept = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/schema.graphql"));
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut command = almanac(&["schema"]);
    command.current_dir(folder.path());
    assert_eq!(run(command, "").await.ok().output, kept.expect("the schema"));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "no database is made for it");
}

#[tokio::test]
async fn without_any_setting_the_data_lives_in_a_folder_of_its_own() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut command = almanac(&["--bind", "127.0.0.1:0"]);
    command.current_dir(folder.path());
    let server = Server::start(command).await;
    assert_eq!(total(&server.anonymous()).await, 67);
    server.stop().await;
    let names: Vec<_> = std::fs::read_dir(folder.path().join("data")).expect("the data folder").collect();
    assert_eq!(names.len(), 1, "the write-ahead log is folded in at the end: {names:?}");
    let data = std::fs::metadata(folder.path().join("data")).expect("the data folder");
    assert_eq!(data.permissions().mode() & 0o777, 0o700, "the folder is for its owner alone");
    let file = std::fs::metadata(folder.path().join("data/almanac.db")).expect("the database");
    assert_eq!(file.permissions().mode() & 0o077, 0, "keys and hashes are nobody else's to read");
}

/// What a server says that cannot start with this environment.
async fn complaint_of(environment: &[(&str, &str)]) -> String {
    let mut command = almanac(&["--bind", "127.0.0.1:0"]);
    command.envs(environment.iter().copied());
    run(command, "").await.complaint()
}

#[tokio::test]
async fn a_database_of_an_unknown_kind_is_refused_without_repeating_its_url() {
    for url in ["mysql://almanac:the-secret@localhost/almanac", "almanac:the-secret@localhost", ""] {
        let complaint = complaint_of(&[("ALMANAC_DATABASE_URL", url)]).await;
        assert!(complaint.contains("--database-url must begin with sqlite:// or postgres://"), "{complaint}");
        assert!(!complaint.contains("the-secret"), "{complaint}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    // Something that listens and is no PostgreSQL.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let hanging_up = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let folder = tempfile::TempDir::new().expect("a folder");
    let password_file = folder.path().join("password");
    std::fs::write(&password_file, "the-other-secret").expect("a file");
    for url in [
        format!("postgres://almanac:the-secret@{address}/almanac"),
        "postgres://almanac:the-secret@[::1/almanac".to_owned(),
        "postgres://almanac:the-secret@localhost:port/almanac".to_owned(),
    ] {
        let password_file = password_file.to_str().expect("a path in UTF-8");
        let environment = [("ALMANAC_DATABASE_URL", url.as_str()), ("ALMANAC_DATABASE_PASSWORD_FILE", password_file)];
        let complaint = complaint_of(&environment).await;
        assert!(complaint.contains("the database cannot be opened: "), "{complaint}");
        assert!(!complaint.contains("the-secret") && !complaint.contains("the-other-secret"), "{complaint}");
    }
    hanging_up.abort();
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_made_or_written_is_named() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let below_a_file = file.join("data");
    let complaint = complaint_of(&[("ALMANAC_DATA_DIR", below_a_file.to_str().expect("a path in UTF-8"))]).await;
    assert!(complaint.contains("the data folder") && complaint.contains("file/data"), "{complaint}");

    // A folder where the database file belongs: whoever runs this, nobody can write it.
    let folder = folder.path().join("data");
    std::fs::create_dir_all(folder.join("almanac.db")).expect("a folder");
    let complaint = complaint_of(&[("ALMANAC_DATA_DIR", folder.to_str().expect("a path in UTF-8"))]).await;
    assert!(complaint.contains("data/almanac.db cannot be made"), "{complaint}");
}

#[tokio::test]
async fn a_command_about_a_database_that_is_not_there_says_so_and_makes_none() {
    let folder = tempfile::TempDir::new().expect("a folder");
    for arguments in [&["export", "exported"][..], &["key", "rotate"], &["user", "disable", EDITOR]] {
        let mut command = almanac(arguments);
        command.current_dir(folder.path());
        let complaint = run(command, "").await.complaint();
        assert!(complaint.contains("there is no database data/almanac.db"), "{complaint}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_before_anything_is_made() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut command = almanac(&["--bind", &address]);
    command.current_dir(folder.path());
    let complaint = run(command, "").await.complaint();
    assert!(complaint.contains(&format!("cannot listen on {address}")), "{complaint}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn origins_that_are_none_and_filters_that_make_no_sense_are_named() {
    let folder = tempfile::TempDir::new().expect("a folder");
    for (setting, value) in [("--allowed-origins", "example.org/path"), ("--log", "nonsense=[")] {
        let mut command = almanac(&["--bind", "127.0.0.1:0", setting, value]);
        command.current_dir(folder.path());
        let finished = run(command, "").await;
        assert_eq!(finished.code, Some(1), "{}", finished.log);
        let said = finished.log.lines().find(|line| line.starts_with("almanac: ")).unwrap_or_default();
        assert!(said.contains(setting) || said.contains(value), "{setting}: {}", finished.log);
    }
}
