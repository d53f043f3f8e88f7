//! A client as small as can be: one request, one connection.

use std::{io, net::SocketAddr};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::process::PATIENCE;

/// What comes back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    /// The body as it was sent.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub json: Value,
}

impl Answer {
    /// Reads a whole response.
    ///
    /// # Errors
    /// When it was cut off.
    pub fn parse(bytes: Vec<u8>) -> io::Result<Self> {
        let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let response = String::from_utf8(bytes).map_err(io::Error::other)?;
        let (head, text) = response.split_once("\r\n\r\n").ok_or_else(cut_off)?;
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        if length.and_then(|length| length.parse().ok()) != Some(text.len()) {
            return Err(cut_off());
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut_off)?;
        let (json, text) = (serde_json::from_str(text).unwrap_or_default(), text.to_owned());
        Ok(Self { status, head, text, json })
    }

    /// What stands at a JSON pointer, such as `/data/page/title`.
    #[track_caller]
    pub fn at(&self, pointer: &str) -> &Value {
        let found = self.json.pointer(pointer);
        found.unwrap_or_else(|| panic!("nothing at {pointer} of {} {}", self.status, self.text))
    }

    /// The text that stands at a JSON pointer.
    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> String {
        self.at(pointer).as_str().unwrap_or_else(|| panic!("no text at {pointer} of {}", self.text)).to_owned()
    }

    /// The number that stands at a JSON pointer.
    #[track_caller]
    pub fn number_at(&self, pointer: &str) -> i64 {
        self.at(pointer).as_i64().unwrap_or_else(|| panic!("no number at {pointer} of {}", self.text))
    }
}

/// Somebody who talks to one server.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
}

impl Client {
    /// Somebody without a token.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, token: None }
    }

    /// The same with this access token.
    pub fn bearer(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The access token, if there is one.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Asks for an address by GET.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn get(&self, path: &str) -> io::Result<Answer> {
        let head = self.head("GET", path);
        self.exchange(format!("{head}\r\n").as_bytes()).await
    }

    /// Runs a document by POST.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn try_run(&self, document: &str, variables: Value) -> io::Result<Answer> {
        let body = json!({ "query": document, "variables": variables }).to_string();
        let head = self.head("POST", "/graphql");
        let length = body.len();
        let request = format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
        self.exchange(request.as_bytes()).await
    }

    /// Runs a document by POST, on a server that lives.
    pub async fn run(&self, document: &str, variables: Value) -> Answer {
        self.try_run(document, variables).await.expect("an answer")
    }

    /// The beginning of a request; the empty line at its end is still to come.
    pub fn head(&self, method: &str, path: &str) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        head += "Accept: application/graphql-response+json, application/json\r\n";
        if let Some(token) = &self.token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        head
    }

    async fn exchange(&self, request: &[u8]) -> io::Result<Answer> {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await?;
            stream.write_all(request).await?;
            let mut response = Vec::new();
            stream.read_to_end(&mut response).await?;
            Answer::parse(response)
        };
        timeout(PATIENCE, exchange).await.expect("an answer in time")
    }

    /// Tries to sign in.
    pub async fn try_sign_in(&self, email: &str, password: &str) -> Answer {
        let document = "mutation SignIn($input: SignInInput!) { signIn(input: $input) {
            session { accessToken refreshToken viewer { email role } } errors { code }
        } }";
        self.run(document, json!({ "input": { "email": email, "password": password } })).await
    }

    /// Signs in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Self {
        self.bearer(&self.try_sign_in(email, password).await.text_at("/data/signIn/session/accessToken"))
    }
}
