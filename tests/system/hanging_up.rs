//! What the log of a process says of clients that hang up.

use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use crate::process::{PATIENCE, Server, almanac};

#[tokio::test]
async fn a_request_whose_client_hung_up_is_in_the_log() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut command = almanac(&["--bind", "127.0.0.1:0", "--log", "info"]);
    let server = Server::start({
        command.current_dir(folder.path());
        command
    })
    .await;
    let client = server.anonymous();
    // It waits for a change that never comes.
    let head = client.head("GET", "/graphql?query=%7Bsite%7Bname%7D%7D");
    let request = format!("{head}Almanac-Change-Token: 1.999999\r\n\r\n");
    let mut stream = TcpStream::connect(server.address()).await.expect("connects");
    stream.write_all(request.as_bytes()).await.expect("writes");
    drop(stream);
    let counted = async {
        while !client.get("/metrics").await.expect("an answer").text.contains("almanac_requests_hung_up_total 1\n") {}
    };
    timeout(PATIENCE, counted).await.expect("it is counted");
    let log = server.stop().await.log;
    let line =
        log.lines().find(|line| line.contains("client.hung_up=true")).unwrap_or_else(|| panic!("no line: {log}"));
    assert!(line.contains("/graphql") && !line.contains("site"), "no query string: {line}");
}
