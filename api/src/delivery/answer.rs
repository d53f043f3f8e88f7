//! Answers that were given before, kept until something that they show changes.
//!
//! Only what everybody may see is kept, and only answers without errors. An answer holds as long as no change bears one of
//! its tags, so nothing is ever flushed: what changed is found out by who asks next. Compressed forms are made beside the
//! requests, once an answer is asked for a second time.

use std::{
    hash::{Hash, Hasher},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use quick_cache::{
    DefaultHashBuilder, Equivalent, Weighter,
    sync::{Cache, DefaultLifecycle, PlaceholderGuard},
};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    compute_pool::{Client, ComputePool, Priority},
    delivery::snapshot::Snapshot,
};

/// Answers shorter than this are sent as they are: the headers would outweigh what is saved.
const MIN_COMPRESSED: usize = 256;
/// What an entry takes beside its bytes.
const OVERHEAD: u64 = 600;

/// How the bytes of an answer are encoded (RFC 9110, section 8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As they are.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// All of them, what is preferred first when a client rates them alike.
    pub const ALL: [Self; 4] = [Self::Brotli, Self::Zstd, Self::Gzip, Self::Identity];

    /// The name in `Content-Encoding`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// An answer in every form in which it is sent.
#[derive(Debug)]
pub struct Answer {
    seq: i64,
    tags: Box<[String]>,
    /// The newest change up to which it is known to hold.
    holds: AtomicU64,
    identity: Bytes,
    labels: OnceLock<Labels>,
    asked_again: AtomicBool,
    compressed: OnceLock<Compressed>,
}

/// What caches are told of an answer, worked out when the first one is.
#[derive(Debug)]
pub struct Labels {
    /// The middle of its entity tags: a hash of the bytes.
    hash: String,
    /// Its strong entity tags, in the order of [`Coding::ALL`].
    etags: [Bytes; 4],
    /// The tags of what it shows, for `Surrogate-Key`.
    pub by_spaces: Bytes,
    /// The same for `Cache-Tag`.
    pub by_commas: Bytes,
}

impl Labels {
    fn new(bytes: &[u8], tags: &[String]) -> Self {
        // Not against forgers, who cannot choose what is published: to tell answers apart, and fast.
        let hash = BASE64_URL_SAFE_NO_PAD.encode(xxh3_128(bytes).to_be_bytes());
        let etag = |coding| match coding {
            Coding::Identity => format!("\"{hash}\"").into(),
            coding => format!("\"{hash}-{}\"", coding.as_str()).into(),
        };
        Self { etags: Coding::ALL.map(etag), by_spaces: tags.join(" ").into(), by_commas: tags.join(",").into(), hash }
    }

    /// The strong entity tag in an encoding: two that are equal are equal byte for byte.
    #[must_use]
    pub fn etag(&self, coding: Coding) -> &Bytes {
        let place = Coding::ALL.iter().position(|known| *known == coding).unwrap_or_default();
        &self.etags[place]
    }

    /// Whether an entity tag is one of the answer's, in any encoding. A proxy that compresses makes a strong tag a weak one.
    #[must_use]
    pub fn is_named(&self, etag: &str) -> bool {
        let etag = etag.strip_prefix("W/").unwrap_or(etag);
        let inner = etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"'));
        inner.and_then(|inner| inner.strip_prefix(self.hash.as_str())).is_some_and(|coding| {
            coding.is_empty() || Coding::ALL.iter().any(|known| coding.strip_prefix('-') == Some(known.as_str()))
        })
    }
}

#[derive(Debug)]
struct Compressed {
    gzip: Bytes,
    brotli: Bytes,
    zstd: Bytes,
}

impl Answer {
    /// An answer made of change `seq` that depends on nothing but what these tags stand for.
    #[must_use]
    pub fn new(seq: i64, tags: Vec<String>, bytes: Bytes) -> Self {
        Self {
            seq,
            tags: tags.into(),
            holds: AtomicU64::new(0),
            identity: bytes,
            labels: OnceLock::new(),
            asked_again: AtomicBool::new(false),
            compressed: OnceLock::new(),
        }
    }

    /// The change that it was made of.
    #[must_use]
    pub const fn seq(&self) -> i64 {
        self.seq
    }

    /// What caches are told of it.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        self.labels.get_or_init(|| Labels::new(&self.identity, &self.tags))
    }

    /// Its bytes in the first of these encodings that there is, and the encoding.
    #[must_use]
    pub fn bytes(&self, codings: impl IntoIterator<Item = Coding>) -> (Coding, &Bytes) {
        let in_coding = |coding| match coding {
            Coding::Identity => Some(&self.identity),
            Coding::Gzip => self.compressed.get().map(|forms| &forms.gzip),
            Coding::Brotli => self.compressed.get().map(|forms| &forms.brotli),
            Coding::Zstd => self.compressed.get().map(|forms| &forms.zstd),
        };
        let found = codings.into_iter().find_map(|coding| Some((coding, in_coding(coding)?)));
        found.unwrap_or((Coding::Identity, &self.identity))
    }

    fn holds(&self, snapshot: &Snapshot) -> bool {
        if self.holds.load(Ordering::Relaxed) == snapshot.generation() {
            return true;
        }
        let holds = snapshot.still_holds(self.seq, self.tags.iter().map(String::as_str));
        if holds {
            self.holds.store(snapshot.generation(), Ordering::Relaxed);
        }
        holds
    }

    fn compress(&self) {
        use std::io::Write as _;
        let identity: &[u8] = &self.identity;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        let gzip = gzip.write_all(identity).and_then(|()| gzip.finish());
        let mut brotli = Vec::new();
        let parameters = brotli::enc::BrotliEncoderParams { quality: 5, ..Default::default() };
        let of_brotli = brotli::BrotliCompress(&mut &*identity, &mut brotli, &parameters);
        let zstd = zstd::bulk::compress(identity, 3);
        // Writing to memory does not fail; if it did, the answer would be sent as it is.
        if let (Ok(gzip), Ok(_), Ok(zstd)) = (gzip, of_brotli, zstd) {
            let _ = self.compressed.set(Compressed { gzip: gzip.into(), brotli: brotli.into(), zstd: zstd.into() });
        }
    }
}

/// What a request asks for, as the client sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    by_get: bool,
    sent: Bytes,
}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Sent { by_get: self.by_get, sent: &self.sent }.hash(state);
    }
}

/// The same without owning it.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Sent<'a> {
    /// Whether it came in the query string.
    pub by_get: bool,
    /// The query string, or the body.
    pub sent: &'a [u8],
}

impl Equivalent<Question> for Sent<'_> {
    fn equivalent(&self, question: &Question) -> bool {
        self.by_get == question.by_get && self.sent == question.sent.as_ref()
    }
}

/// What an answer is found by: document, operation and variables, the same however the client wrote them.
pub type AnswerKey = Arc<[u8]>;

#[derive(Clone)]
struct ByBytes;

impl Weighter<AnswerKey, Arc<Answer>> for ByBytes {
    fn weight(&self, key: &AnswerKey, answer: &Arc<Answer>) -> u64 {
        // The compressed forms come later and are counted now: together they are rarely more than half.
        let bytes =
            key.len() + answer.identity.len() * 3 / 2 + answer.tags.iter().map(|tag| tag.len() + 24).sum::<usize>();
        u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(OVERHEAD)
    }
}

impl Weighter<Question, AnswerKey> for ByBytes {
    fn weight(&self, question: &Question, _: &AnswerKey) -> u64 {
        u64::try_from(question.sent.len()).unwrap_or(u64::MAX).saturating_add(100)
    }
}

/// The answers that are kept.
pub struct Answers {
    kept: Cache<AnswerKey, Arc<Answer>, ByBytes>,
    /// Which answer a request asked for, so that it need not be read to be answered again.
    questions: Cache<Question, AnswerKey, ByBytes>,
    pool: ComputePool,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Whoever has it makes the answer, while others who ask for the same wait for it. When it is dropped the next one makes it.
pub struct Turn<'a>(
    PlaceholderGuard<'a, AnswerKey, Arc<Answer>, ByBytes, DefaultHashBuilder, DefaultLifecycle<AnswerKey, Arc<Answer>>>,
);

impl Turn<'_> {
    /// Keeps the answer and gives it to those who wait.
    pub fn keep(self, answer: &Arc<Answer>) {
        // It fails when there is no room for it. Then everybody makes it anew.
        let _ = self.0.insert(Arc::clone(answer));
    }
}

impl Answers {
    /// Room for answers of that many bytes together, compressed forms included; none at all for 0. They are compressed in
    /// the pool.
    #[must_use]
    pub fn new(bytes: u64, pool: ComputePool) -> Self {
        let items = usize::try_from(bytes / 16_384).unwrap_or(usize::MAX).max(if bytes == 0 { 0 } else { 64 });
        Self {
            kept: Cache::with_weighter(items, bytes - bytes / 8, ByBytes),
            questions: Cache::with_weighter(items, bytes / 8, ByBytes),
            pool,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The answer to a request that was answered before, if it still holds.
    #[must_use]
    pub fn recall(&self, sent: Sent<'_>, snapshot: &Snapshot) -> Option<Arc<Answer>> {
        let key = self.questions.get(&sent)?;
        let answer = self.kept.get(&key)?;
        if !answer.holds(snapshot) {
            return None;
        }
        self.hits.fetch_add(1, Ordering::Relaxed);
        self.asked_again(&answer);
        Some(answer)
    }

    /// Remembers which answer a request asked for.
    pub fn note(&self, sent: Sent<'_>, key: &AnswerKey) {
        let question = Question { by_get: sent.by_get, sent: Bytes::copy_from_slice(sent.sent) };
        self.questions.insert(question, Arc::clone(key));
    }

    /// The answer, or the turn to make it.
    pub async fn get(&self, key: &AnswerKey, snapshot: &Snapshot) -> Result<Arc<Answer>, Option<Turn<'_>>> {
        if let Some(answer) = self.kept.get(key) {
            if answer.holds(snapshot) {
                self.hits.fetch_add(1, Ordering::Relaxed);
                self.asked_again(&answer);
                return Ok(answer);
            }
            self.kept.remove_if(key, |found| Arc::ptr_eq(found, &answer));
        }
        match self.kept.get_value_or_guard_async(key).await {
            Ok(answer) if answer.holds(snapshot) => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                Ok(answer)
            }
            // Made of an older state by somebody who began before.
            Ok(_) => Err(None),
            Err(turn) => {
                self.misses.fetch_add(1, Ordering::Relaxed);
                Err(Some(Turn(turn)))
            }
        }
    }

    /// An answer that is asked for a second time is worth its compressed forms.
    fn asked_again(&self, answer: &Arc<Answer>) {
        if answer.asked_again.load(Ordering::Relaxed)
            || answer.identity.len() < MIN_COMPRESSED
            || answer.asked_again.swap(true, Ordering::Relaxed)
        {
            return;
        }
        let (answer, pool) = (Arc::clone(answer), self.pool.clone());
        tokio::spawn(async move {
            let compressed = Arc::clone(&answer);
            let done = pool.run(Priority::Idle, &Client::PROCESS, move |_| compressed.compress()).await;
            if done.is_err() {
                // There was no room in the queue. The next one who asks for the answer tries again.
                answer.asked_again.store(false, Ordering::Relaxed);
            }
        });
    }

    /// How many requests found an answer, and how many did not.
    #[must_use]
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.kept.weight() + self.questions.weight()
    }

    /// How many answers are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}
