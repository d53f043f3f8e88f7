//! Figures over plain HTTP: files to download, and pictures to place in a page.
//!
//! Every answer has a strong `ETag` over its bytes. What is public may be kept by anybody who asks each time whether it
//! still holds.

mod parameters;

use std::sync::Arc;

use bytes::Bytes;
use entities::Rule;
use poem::{
    Endpoint, Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
};

use self::parameters::Parameters;
use super::{
    PREVIEW, VARY,
    caller::{self, RequestId},
    freshness,
    graphql::{Refusal, refuse_overflow},
    language,
    media_type::{MediaType, codings, prefer},
    meter::{self, Meter},
    names, private, tag_answer,
};
use crate::{
    change::tag,
    compute_pool::{Cancellation, Client, Priority},
    delivery::{
        answer::{Answer, AnswerKey, Coding},
        response_memory::{BodyWriter, ResponseMemory},
        snapshot::Snapshot,
    },
    error::{Code, Error, Result},
    figures::{
        Published,
        chart::{self, Chart, ChartError, plan},
        exchange::{Row, Table, csv, json_ld, json_stat, table::table, xlsx},
    },
    schema,
    state::State,
};

/// The `Cache-Control` of what everybody may see.
const PUBLIC: &str = "public, no-cache";

/// What is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Xlsx,
    JsonStat,
    JsonLd,
    Svg,
    Png,
    Html,
}

impl Format {
    /// The files, by the ending of their address; the first is for who takes anything.
    const FILES: [(&'static str, Self); 4] =
        [("json", Self::JsonStat), ("csv", Self::Csv), ("xlsx", Self::Xlsx), ("jsonld", Self::JsonLd)];
    /// The pictures, by the ending of their address; the first is for who takes anything.
    const PICTURES: [(&'static str, Self); 3] = [("svg", Self::Svg), ("png", Self::Png), ("html", Self::Html)];

    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::JsonStat => "application/json",
            Self::JsonLd => "application/ld+json",
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
            Self::Html => "text/html",
        }
    }

    /// Whether it is worth compressing.
    const fn is_text(self) -> bool {
        !matches!(self, Self::Xlsx | Self::Png)
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Html => "text/html; charset=utf-8",
            Self::Svg => "image/svg+xml; charset=utf-8",
            _ => self.media_type(),
        }
    }
}

/// `/figures/fact-sheet` and `/figures/chart`, each with an ending or by the `Accept` header.
pub(super) struct Figures {
    state: State,
    /// The `RateLimit-Policy`, if there is a limit.
    policy: Option<HeaderValue>,
}

impl Figures {
    /// Serves what this process has in memory.
    pub(super) fn new(state: State) -> Self {
        Self { policy: meter::policy(state.config().rate_limit), state }
    }

    async fn answer(&self, request: &Request, id: &RequestId, meter: &mut Meter<'_>) -> Result<Response, Refusal> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::method("GET, HEAD", "this address is for reading"));
        }
        let caller = caller::identify(&self.state, request, id).await?;
        meter.identify(&caller)?;
        let is_private = caller.credential.is_some() || request.headers().contains_key(PREVIEW);
        let snapshot = freshness::snapshot(&self.state, &caller, request).await?;
        let (what, negotiated) = wanted(request)?;
        let parameters = Parameters::read(request, self.state.now())?;
        let address = format!("{}/figures/fact-sheet", self.state.config().public_url());
        let query = request.uri().query().unwrap_or_default().to_owned();

        let cost = parameters.cost(what, &snapshot.figures);
        let priority = if caller.credential.is_some() { Priority::Normal } else { Priority::Idle };
        let making = async {
            let (of, asked, client) = (Arc::clone(&snapshot), query.clone(), Client::of(&caller));
            let memory = Arc::clone(self.state.response_memory());
            let published = match parameters.as_of {
                Some(moment) => of.figures.read_as_of(self.state.database().reader(), moment).await?,
                None => Arc::clone(&of.figures),
            };
            let work = move |cancellation: &Cancellation| {
                let asked = Asked { format: what, snapshot: &of, published: &published, address, query: &asked };
                make(&asked, parameters, cancellation, &memory)
            };
            let bytes = self.state.compute_pool().run(priority, &client, work).await??;
            let tags = [tag::SITE, tag::FIGURES].map(str::to_owned).to_vec();
            Ok::<_, Refusal>(Arc::new(Answer::new(snapshot.seq, tags, bytes)))
        };
        let answer = if is_private {
            meter.charge(cost)?;
            making.await?
        } else {
            let key: AnswerKey = format!("{what:?}\0{query}").into_bytes().into();
            match self.state.answers().get(&key, &snapshot).await {
                Ok(answer) => {
                    meter.charge(meter::LEAST)?;
                    answer
                }
                Err(turn) => {
                    meter.charge(cost)?;
                    let answer = making.await?;
                    if let Some(turn) = turn {
                        turn.keep(&answer);
                    }
                    answer
                }
            }
        };

        let is_known = names(request, &answer);
        let (coding, bytes) = answer.bytes(what.is_text().then(|| codings(request.headers())).into_iter().flatten());
        let mut response = match (is_known, request.method() == Method::GET) {
            (true, _) => Response::builder().status(StatusCode::NOT_MODIFIED).finish(),
            (false, true) => Response::builder().content_type(what.content_type()).body(bytes.clone()),
            (false, false) => Response::builder().content_type(what.content_type()).finish(),
        };
        let headers = response.headers_mut();
        tag_answer(headers, &answer, coding);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(PUBLIC));
        let vary = if negotiated { VARY } else { "Accept-Encoding, Authorization, Almanac-Preview" };
        headers.insert(header::VARY, HeaderValue::from_static(vary));
        if coding != Coding::Identity && !is_known {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
        }
        if what == Format::Svg || what == Format::Html {
            // Opened by itself it must not run or load anything either.
            let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        if is_private {
            private(&mut response);
        }
        Ok(response)
    }
}

impl Endpoint for Figures {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = caller::named(&self.state, &request);
        let now = self.state.now();
        let mut meter = Meter::new(&self.state, now);
        let answer = self.answer(&request, &id, &mut meter).await;
        let mut response = answer.unwrap_or_else(|refusal| {
            let refusal = meter.charge_refused(&request).err().unwrap_or(refusal);
            let status = refusal.code().status();
            let language = language::accepted(request.headers());
            let present = |error| schema::present(error, id.as_str(), language);
            let mut response = refusal.into_response(MediaType::Json, present);
            response.set_status(status);
            private(&mut response);
            response
        });
        freshness::mark(&self.state, now, &mut response);
        let is_shared = response.headers().get(header::CACHE_CONTROL).is_some_and(|value| value == PUBLIC);
        meter.tell(self.policy.as_ref(), is_shared, &mut response);
        Ok(response)
    }
}

/// What is asked for, and whether the `Accept` header decided.
fn wanted(request: &Request) -> Result<(Format, bool), Refusal> {
    let nothing = || Refusal::new(Code::NotFoundPath, "there is nothing at this address");
    let name = request.uri().path().rsplit('/').next().unwrap_or_default();
    let (stem, ending) = name.split_once('.').map_or((name, None), |(stem, ending)| (stem, Some(ending)));
    let offered: &[(&str, Format)] = match stem {
        "fact-sheet" => &Format::FILES,
        "chart" => &Format::PICTURES,
        _ => return Err(nothing()),
    };
    let by_ending = |ending| offered.iter().find(|(known, _)| *known == ending).map(|(_, format)| *format);
    match ending {
        Some(ending) => by_ending(ending).map(|format| (format, false)).ok_or_else(nothing),
        None => {
            let types: Vec<&str> = offered.iter().map(|(_, format)| format.media_type()).collect();
            let chosen = prefer(request.headers(), &types).map(|index| (offered[index].1, true));
            let message = format!("this address serves {}", types.join(", "));
            chosen.ok_or_else(|| Refusal::new(Code::NotAcceptable, message))
        }
    }
}

/// A file or picture, bounded while it is written: whatever `Format` there is writes into a [`BodyWriter`], and nothing else
/// makes a body.
fn make(
    asked: &Asked<'_>,
    parameters: Parameters,
    cancellation: &Cancellation,
    memory: &Arc<ResponseMemory>,
) -> Result<Bytes, Refusal> {
    let mut body = BodyWriter::new(memory, cancellation);
    let written = write(asked, parameters, &mut body);
    // Who writes it knows that it stopped, and the body knows why.
    let bytes = body.finish().map_err(|overflow| refuse_overflow(overflow, memory))?;
    written?;
    Ok(bytes)
}

/// What is to be made, and of what.
struct Asked<'a> {
    format: Format,
    snapshot: &'a Snapshot,
    published: &'a Published,
    /// The address of the fact sheet.
    address: String,
    query: &'a str,
}

fn write(asked: &Asked<'_>, parameters: Parameters, body: &mut BodyWriter) -> Result<()> {
    let Asked { format, snapshot, published, .. } = asked;
    let preference =
        snapshot.content.site.locales.preference(parameters.locale.clone(), parameters.fallback.clone())?;
    let scale = parameters.scale;
    let chart = |parameters: Parameters| -> Result<Chart> {
        let Parameters { selection, kind, countries, top, theme, width, height, .. } = parameters;
        plan::plan(published, plan::Request { kind, selection, countries, top, theme, width, height }, &preference)
    };
    let table = |parameters: Parameters, body: &mut BodyWriter| -> Result<Table> {
        let made = table(published, parameters.selection, &preference, Some(asked.address.clone()))?;
        body.reserve_workspace(made.rows.len() * size_of::<Row>()).map_err(Error::internal)?;
        Ok(made)
    };
    let of_chart = |error: ChartError| match error {
        ChartError::Size => Error::invalid(["scale"], Rule::TooLarge),
        ChartError::TooManyYears => Error::invalid(["from"], Rule::TooMany { max: chart::MAX_YEARS }),
        ChartError::NoFont => Error::NoFont,
        error => Error::internal(error),
    };
    match format {
        Format::Svg => chart::svg(&chart(parameters)?, body).map_err(of_chart),
        Format::Png => {
            let chart = chart(parameters)?;
            body.reserve_workspace(chart::workspace(&chart, scale).map_err(of_chart)?).map_err(Error::internal)?;
            chart::png(&chart, scale, body).map_err(of_chart)
        }
        Format::Html => chart::page(&chart(parameters)?, body).map_err(Error::internal),
        Format::Csv => csv::write(&table(parameters, body)?, body).map_err(Error::internal),
        Format::Xlsx => {
            let table = table(parameters, body)?;
            body.reserve_workspace(xlsx::workspace(&table)).map_err(Error::internal)?;
            xlsx::write(&table, body).map_err(Error::internal)
        }
        Format::JsonStat => {
            let table = table(parameters, body)?;
            body.reserve_workspace(json_stat::workspace(&table)).map_err(Error::internal)?;
            json_stat::write(&table, body).map_err(Error::internal)
        }
        Format::JsonLd => json_ld::write(&table(parameters, body)?.about, asked.query, body).map_err(Error::internal),
    }
}
