//! Figures over plain HTTP: files to download, and pictures to place in a page.
//!
//! Every answer has a strong `ETag` over its bytes. What is public may be kept by anybody who asks each time whether it
//! still holds.

use std::{collections::BTreeSet, str::FromStr, sync::Arc};

use chrono::{DateTime, Utc};
use entities::{CategoryCode, CountryCode, Locale, Moment, Rule, Year};
use poem::{
    Endpoint, Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
};
use tokio::sync::Semaphore;

use super::{
    PREVIEW, VARY,
    caller::{self, RequestId},
    freshness,
    graphql::Refusal,
    media_type::{MediaType, codings, prefer},
    names, private, tag_answer,
};
use crate::{
    change::tag,
    delivery::{
        answer::{Answer, AnswerKey, Coding},
        snapshot::Snapshot,
    },
    error::{Code, Error, Fault, Result},
    figures::{
        chart::{self, Chart, ChartError, Kind, Theme, plan},
        exchange::{csv, json_ld, json_stat, table::table, xlsx},
        fact_sheet::Selection,
    },
    schema,
    state::State,
};

/// How many files and pictures are made at once.
const CONCURRENT: usize = 2;
/// The size of a chart when nothing is said, in pixels.
const SIZE: (u32, u32) = (800, 450);
/// The largest scale of a PNG.
const MAX_SCALE: u16 = 4;

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
    making: Arc<Semaphore>,
}

impl Figures {
    /// Serves what this process has in memory.
    pub(super) fn new(state: State) -> Self {
        Self { state, making: Arc::new(Semaphore::new(CONCURRENT)) }
    }

    async fn answer(&self, request: &Request, id: &RequestId) -> Result<Response, Refusal> {
        let refuse = |error: Error| {
            schema::log(&error, id.as_str());
            Refusal::new(error.code(), error.to_string())
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::method("GET, HEAD", "this address is for reading"));
        }
        let caller = caller::identify(&self.state, request, id).await.map_err(refuse)?;
        let is_private = caller.credential.is_some() || request.headers().contains_key(PREVIEW);
        let snapshot = freshness::snapshot(&self.state, request, id).await?;
        let (what, negotiated) = wanted(request)?;
        let parameters = Parameters::read(request, self.state.now()).map_err(refuse)?;
        let address = format!("{}/figures/fact-sheet", self.state.config().public_url());
        let query = request.uri().query().unwrap_or_default().to_owned();

        let making = async {
            // Making a picture takes a while, and the other requests of this thread would wait.
            let _turn = self.making.acquire().await.map_err(Error::internal)?;
            let (of, asked) = (Arc::clone(&snapshot), query.clone());
            let made = tokio::task::spawn_blocking(move || make(what, &of, parameters, address, &asked)).await;
            let tags = [tag::SITE, tag::FIGURES].map(str::to_owned).to_vec();
            let bytes = made.map_err(Error::internal)??;
            Ok(Arc::new(Answer::new(snapshot.seq, tags, bytes)))
        };
        let answer = if is_private {
            making.await.map_err(refuse)?
        } else {
            let key: AnswerKey = format!("{what:?}\0{query}").into_bytes().into();
            match self.state.answers().get(&key, &snapshot).await {
                Ok(answer) => answer,
                Err(turn) => {
                    let answer = making.await.map_err(refuse)?;
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
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
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
        let mut response = self.answer(&request, &id).await.unwrap_or_else(|refusal| {
            let status = refusal.code().status();
            let mut response = refusal.into_response(MediaType::Json, |error| error);
            response.set_status(status);
            private(&mut response);
            response
        });
        freshness::mark(&self.state, self.state.now(), &mut response);
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

/// What the query string says.
struct Parameters {
    selection: Selection,
    as_of: Option<DateTime<Utc>>,
    locale: Option<Locale>,
    fallback: Option<Vec<Locale>>,
    kind: Kind,
    countries: Option<Vec<CountryCode>>,
    top: Option<usize>,
    theme: Theme,
    width: u32,
    height: u32,
    scale: u16,
}

impl Parameters {
    fn read(request: &Request, now: DateTime<Utc>) -> Result<Self> {
        let pairs: Vec<(String, String)> = request
            .params()
            .map_err(|_| Error::invalid(["query"], Rule::Format { expected: "a query string, such as locale=ja" }))?;
        let mut faults = Vec::new();
        let mut read = Self {
            selection: Selection::default(),
            as_of: None,
            locale: None,
            fallback: None,
            kind: Kind::YearlyTotals,
            countries: None,
            top: None,
            theme: Theme::Auto,
            width: SIZE.0,
            height: SIZE.1,
            scale: 2,
        };
        let mut seen = BTreeSet::new();
        for (name, value) in &pairs {
            let is_list = ["category", "country", "fallback"].contains(&name.as_str());
            if !is_list && !seen.insert(name) {
                faults.push(Fault::new([name], Rule::Duplicate));
                continue;
            }
            if let Err(rule) = read.take(name, value, now) {
                faults.push(Fault::new([name], rule));
            }
        }
        if faults.is_empty() { Ok(read) } else { Err(Error::Invalid(faults)) }
    }

    fn take(&mut self, name: &str, value: &str, now: DateTime<Utc>) -> Result<(), Rule> {
        match name {
            "category" => add::<CategoryCode>(&mut self.selection.categories, value)?,
            "country" => add(&mut self.countries, value)?,
            "fallback" => add(&mut self.fallback, value)?,
            "from" => self.selection.from = Some(value.parse::<Year>()?),
            "to" => self.selection.to = Some(value.parse::<Year>()?),
            "locale" => self.locale = Some(value.parse()?),
            "asOf" => {
                let moment = value.parse::<Moment>()?.get();
                if moment > now {
                    return Err(Rule::InTheFuture);
                }
                self.as_of = Some(moment);
            }
            "kind" => {
                self.kind = match value {
                    "totals" => Kind::YearlyTotals,
                    "countries" => Kind::Countries,
                    "share" => Kind::Share,
                    _ => return Err(Rule::NotOneOf { allowed: "totals, countries, share".to_owned() }),
                };
            }
            "theme" => {
                self.theme = match value {
                    "auto" => Theme::Auto,
                    "light" => Theme::Light,
                    "dark" => Theme::Dark,
                    _ => return Err(Rule::NotOneOf { allowed: "auto, light, dark".to_owned() }),
                };
            }
            "top" => self.top = Some(within(value, 1, 11)?),
            "width" => self.width = within(value, 320, 2_400)?,
            "height" => self.height = within(value, 240, 1_600)?,
            "scale" => self.scale = within(value, 1, i64::from(MAX_SCALE))?,
            _ => return Err(Rule::UnknownField),
        }
        Ok(())
    }
}

/// Adds the values of a list that is separated by commas, or given again and again.
fn add<T: FromStr<Err = Rule>>(list: &mut Option<Vec<T>>, values: &str) -> Result<(), Rule> {
    let list = list.get_or_insert_default();
    for value in values.split(',').filter(|value| !value.is_empty()) {
        list.push(value.parse()?);
    }
    Ok(())
}

fn within<T: TryFrom<i64>>(value: &str, min: i64, max: i64) -> Result<T, Rule> {
    let number: i64 = value.parse().map_err(|_| Rule::NotAnInteger)?;
    let in_range = (min..=max).contains(&number).then_some(number);
    in_range.and_then(|number| T::try_from(number).ok()).ok_or(Rule::OutOfRange { min, max })
}

fn make(format: Format, snapshot: &Snapshot, parameters: Parameters, address: String, query: &str) -> Result<Vec<u8>> {
    let preference =
        snapshot.content.site.locales.preference(parameters.locale.clone(), parameters.fallback.clone())?;
    let earlier = parameters.as_of.map(|moment| snapshot.figures.as_of(moment));
    let published = earlier.as_ref().unwrap_or(&snapshot.figures);
    let scale = parameters.scale;
    let chart = |parameters: Parameters| -> Result<Chart> {
        let Parameters { selection, kind, countries, top, theme, width, height, .. } = parameters;
        plan::plan(published, plan::Request { kind, selection, countries, top, theme, width, height }, &preference)
    };
    let of_chart = |error: ChartError| match error {
        ChartError::Size => Error::invalid(["scale"], Rule::TooLarge),
        ChartError::NoFont => Error::NoFont,
        error => Error::internal(error),
    };
    Ok(match format {
        Format::Svg => chart::svg(&chart(parameters)?).map_err(of_chart)?.into_bytes(),
        Format::Png => chart::png(&chart(parameters)?, scale).map_err(of_chart)?,
        Format::Html => chart::page(&chart(parameters)?).into_bytes(),
        Format::Csv | Format::Xlsx | Format::JsonStat | Format::JsonLd => {
            let table = table(published, parameters.selection, &preference, Some(address))?;
            match format {
                Format::Xlsx => xlsx::write(&table).map_err(Error::internal)?,
                Format::JsonStat => json_stat::write(&table),
                Format::JsonLd => json_ld::write(&table.about, query).into_bytes(),
                _ => csv::write(&table),
            }
        }
    })
}
