//! What the public cannot learn: counts so small that they could point to a person.
//!
//! The promises of `api/src/figures/disclosure.rs` are held against an attacker that shares nothing with it: whatever is
//! published, of every moment, becomes a system of linear equations, and a solver tells the smallest and the largest
//! value that each count can have. The attacker even knows by how much each total differs from its sum, which hidden
//! counts stayed what they were between two publications, and that a count is withheld for being small.
//!
//! What a decision gives away, a solver of equations does not see: `worlds` tries every small table there is.

mod cases;
mod worlds;

use std::collections::{BTreeMap, BTreeSet};

use api::figures::{
    disclosure::{Confidentiality, Discloser, Sheet, disclose},
    year_sheet::{Cell, Total, YearSheet},
};
use entities::{
    Count, CountryCode, DisclosureMethod, DisclosurePolicy, Flags, Localized, Observation, ObservationStatus, Threshold,
};
use good_lp::{Expression, ProblemVariables, Solution as _, SolverModel as _, Variable, constraint, microlp, variable};
use serde_json::{Value, json};
use tests::{READER, STATISTICIAN, TRANSLATOR, TestApp, on_both_databases, tables::audit_log};

use super::{answers, bulk_done, faults, later, publish_country, sheet, whole};

/// What is public of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Value(i64),
    Withheld,
}

/// What is public of one category and year at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Public {
    counts: BTreeMap<String, Shown>,
    total: Option<i64>,
    others: Option<i64>,
    sum: Option<i64>,
    difference: Option<i64>,
}

impl Public {
    fn withheld(&self) -> impl Iterator<Item = &String> {
        self.counts.iter().filter(|(_, shown)| **shown == Shown::Withheld).map(|(country, _)| country)
    }
}

/// What was counted: of each country with a value, and the total.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Truth {
    counts: BTreeMap<String, i64>,
    total: Option<i64>,
}

impl Truth {
    fn count(&self, country: &str) -> i64 {
        self.counts.get(country).copied().unwrap_or_default()
    }

    fn sum(&self) -> i64 {
        self.counts.values().sum()
    }
}

/// Every state of one category and year, in order.
type History = Vec<(Public, Truth)>;

/// More than any count that is tried.
const FAR: f64 = 1e6;

/// Less than any difference between whole numbers.
const CLOSE: f64 = 1e-6;

/// A count in one state, or, of one that is known to have stayed, in several: the country, which of its counts, and what
/// is shown of it. Nobody is told that a hidden count is one that was shown before.
type Unknown = (String, i64, Option<i64>);

/// Somebody who knows all that was ever published of a category and year.
struct Attacker<'a> {
    history: &'a History,
    /// What a number that is shown may have been: from, to.
    reading: &'a dyn Fn(i64) -> (i64, i64),
    /// Whether they know of each count that it stayed what it was where it did.
    knows_what_stayed: bool,
    rule: Rule,
}

/// What somebody knows of the rule by which counts are withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Nothing,
    /// That of the counts that are withheld in the first state none is zero.
    NoZeros,
    /// That, and which of them are below this threshold.
    Small(i64),
}

fn real(number: i64) -> f64 {
    i32::try_from(number).expect("small numbers are tried").into()
}

impl Attacker<'_> {
    /// What the count of a country in a state is called.
    fn unknown(&self, state: usize, country: &str) -> Unknown {
        let (public, truth) = &self.history[state];
        let shown = match public.counts.get(country) {
            Some(Shown::Value(value)) => Some(*value),
            _ => None,
        };
        let which =
            if self.knows_what_stayed { truth.count(country) } else { i64::try_from(state).expect("few states") };
        (country.to_owned(), which, shown)
    }

    /// Where a withheld count lies by the rule.
    fn by_rule(&self, state: usize, country: &str) -> Option<(i64, i64)> {
        // What was withheld once stays withheld, whatever becomes of it.
        let count = *self.history[state].1.counts.get(country).filter(|_| state == 0)?;
        let far = 1_000_000;
        match self.rule {
            Rule::Nothing => None,
            Rule::Small(threshold) if count < threshold => Some((1, threshold - 1)),
            Rule::Small(threshold) => Some((threshold, far)),
            Rule::NoZeros => Some((1, far)),
        }
    }

    /// The value of a count, farthest in the direction of `sign`, with which all that is published can be.
    fn farthest(&self, target: &Unknown, sign: f64) -> f64 {
        let mut bounds: BTreeMap<Unknown, (f64, f64)> = BTreeMap::new();
        for (state, (public, _)) in self.history.iter().enumerate() {
            for (country, shown) in &public.counts {
                let (from, to) = bounds.entry(self.unknown(state, country)).or_insert((0.0, FAR));
                let known = match shown {
                    Shown::Value(value) => Some((self.reading)(*value)),
                    Shown::Withheld => self.by_rule(state, country),
                };
                if let Some((least, most)) = known {
                    (*from, *to) = (from.max(real(least)), to.min(real(most)));
                }
            }
        }
        let mut variables = ProblemVariables::new();
        let named: BTreeMap<&Unknown, Variable> =
            bounds.iter().map(|(name, (from, to))| (name, variables.add(variable().min(*from).max(*to)))).collect();
        let mut model = variables.maximise(sign * named[target]).using(microlp);
        for (state, (public, truth)) in self.history.iter().enumerate() {
            let sum = |countries: &mut dyn Iterator<Item = &String>| -> Expression {
                countries.map(|country| named[&self.unknown(state, country)]).sum()
            };
            let all = || sum(&mut public.counts.keys());
            let gap = truth.sum() - truth.total.unwrap_or_default();
            let total = public.total.or_else(|| Some(public.sum? - public.difference?));
            if let Some(total) = total {
                let (least, most) = (self.reading)(total);
                model =
                    model.with(constraint!(all() >= real(least + gap))).with(constraint!(all() <= real(most + gap)));
            }
            if let Some(others) = public.others {
                model = model.with(constraint!(sum(&mut public.withheld()) == real(others)));
            }
            if let (Some(shown), 1) = (public.sum, (self.reading)(0).1 + 1) {
                model = model.with(constraint!(all() == real(shown)));
            }
        }
        let solution = model.solve().expect("the truth is a solution");
        solution.value(named[target])
    }

    /// The interval in which a count must lie.
    fn interval(&self, target: &Unknown) -> (f64, f64) {
        (self.farthest(target, -1.0), self.farthest(target, 1.0))
    }
}

/// What is read out of numbers that are shown as they are.
fn exactly(value: i64) -> (i64, i64) {
    (value, value)
}

/// The counts that round, half up, to a number: found by trying.
fn rounds_to(base: i64, shown: i64) -> (i64, i64) {
    let round = |count: i64| (2 * count + base) / (2 * base) * base;
    let fitting: Vec<i64> = ((shown - base).max(0)..=shown + base).filter(|count| round(*count) == shown).collect();
    (*fitting.first().expect("a multiple of the base"), *fitting.last().expect("a multiple of the base"))
}

/// Fails unless no hidden count can be narrowed to less than the threshold, or by the rule to less than everything that the
/// rule leaves; and none that is shown is small.
fn assert_hidden(history: &History, threshold: i64, context: &str) {
    let attackers =
        [(Rule::Nothing, false), (Rule::Nothing, true), (Rule::NoZeros, true), (Rule::Small(threshold), true)];
    for (rule, knows_what_stayed) in attackers {
        let attacker = Attacker { history, reading: &exactly, knows_what_stayed, rule };
        let mut tried = BTreeSet::new();
        for (state, (public, truth)) in history.iter().enumerate() {
            for country in public.withheld() {
                let target = attacker.unknown(state, country);
                if !tried.insert(target.clone()) {
                    continue;
                }
                let (from, to) = attacker.interval(&target);
                let told = format!(
                    "{context}, {rule:?}: {country} in state {state} lies between {from} and {to}: {history:#?}"
                );
                // From 1 to the threshold less 1, or as far.
                let width = if rule == Rule::Small(threshold) { threshold - 2 } else { threshold };
                assert!(to - from >= real(width) - CLOSE, "{told}");
                let truth = real(truth.count(country));
                assert!(from - CLOSE <= truth && truth <= to + CLOSE, "a solver that finds nonsense: {told}");
            }
        }
    }
    for (public, _) in history {
        let shown = public.counts.values().filter_map(|shown| match shown {
            Shown::Value(value) => Some(*value),
            Shown::Withheld => None,
        });
        for value in shown.chain(public.total).chain(public.others) {
            assert!(value == 0 || value >= threshold, "{context}: {value} is shown: {public:#?}");
        }
    }
}

/// Fails unless everything is known exactly.
fn assert_known(history: &History, context: &str) {
    let attacker = Attacker { history, reading: &exactly, knows_what_stayed: false, rule: Rule::Nothing };
    for (state, (public, truth)) in history.iter().enumerate() {
        for country in truth.counts.keys() {
            assert!(public.counts.contains_key(country), "{context}: nothing of {country}");
            let (from, to) = attacker.interval(&attacker.unknown(state, country));
            let truth = real(truth.count(country));
            assert!((from - truth).abs() < CLOSE && (to - truth).abs() < CLOSE, "{context}: {country} {from} {to}");
        }
    }
}

/// Fails unless each count can be anything that rounds to what is shown.
fn assert_rounded(history: &History, base: i64, context: &str) {
    let reading = |shown| rounds_to(base, shown);
    for knows_what_stayed in [false, true] {
        let attacker = Attacker { history, reading: &reading, knows_what_stayed, rule: Rule::Nothing };
        let mut tried = BTreeSet::new();
        for (state, (public, truth)) in history.iter().enumerate() {
            for (country, shown) in &public.counts {
                let Shown::Value(value) = shown else { panic!("{context}: {country} is withheld") };
                let (least, most) = reading(*value);
                assert!((least..=most).contains(&truth.count(country)), "{context}: {country} is not rounded");
                let target = attacker.unknown(state, country);
                if tried.insert(target.clone()) {
                    let (from, to) = attacker.interval(&target);
                    let narrowed = (from - real(least)).abs() > CLOSE || (to - real(most)).abs() > CLOSE;
                    let told = format!("{context}: {country} in state {state} is shown as {value}");
                    assert!(!narrowed, "{told} and lies between {from} and {to}: {history:#?}");
                }
            }
        }
    }
}

/// Numbers that are the same in every run: `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to just below this one.
    fn below(&mut self, end: i64) -> i64 {
        let end = u64::try_from(end).expect("a positive number");
        i64::try_from(self.roll() % end).expect("smaller than the end")
    }

    /// A count of one of the sorts that matter: none, small, near the threshold, large.
    fn count(&mut self, threshold: i64) -> i64 {
        match self.below(6) {
            0 => 0,
            1 | 2 => 1 + self.below(threshold - 1),
            3 => threshold - 1 + self.below(3),
            _ => threshold + self.below(4 * threshold),
        }
    }
}

fn count(value: i64) -> Count {
    value.try_into().expect("a count")
}

fn cell(observation: Observation) -> Cell {
    Cell { observation, note: Localized::new() }
}

fn known(value: i64) -> Cell {
    cell(Observation::known(count(value)))
}

fn absent(status: ObservationStatus) -> Cell {
    cell(Observation::new(None, status).expect("a status without value"))
}

fn total(value: i64) -> Total {
    Total::new(count(value), Flags::FINAL, Localized::new()).expect("a total")
}

const COUNTRIES: [&str; 8] = ["AU", "CN", "KR", "TH", "US", "VN", "ZA", "ZZ"];

fn code(country: &str) -> CountryCode {
    country.parse().expect("a country's code")
}

fn empty() -> YearSheet {
    YearSheet::empty("RESIDENT".parse().expect("a category's code"), "2022".parse().expect("a year"))
}

/// A sheet with some of the countries.
fn first(dice: &mut Dice, threshold: i64) -> YearSheet {
    let mut sheet = empty();
    for country in COUNTRIES {
        let found = match dice.below(10) {
            0 | 1 => continue,
            2 => absent(ObservationStatus::Missing),
            3 if dice.below(3) == 0 => absent(ObservationStatus::Suppressed),
            _ => known(dice.count(threshold)),
        };
        sheet.counts.insert(code(country), found);
    }
    set_total(&mut sheet, dice);
    sheet
}

/// Most totals are the sum, some are not, some are not there.
fn set_total(sheet: &mut YearSheet, dice: &mut Dice) {
    let sum = sheet.sum().unwrap_or_default();
    sheet.total = match dice.below(8) {
        0 => None,
        1 => Some(total(sum + 1 + dice.below(4))),
        2 => Some(total((sum - 1 - dice.below(4)).max(0))),
        _ => Some(total(sum)),
    };
}

/// The next state of a sheet: a correction of the kinds that tell most.
fn corrected(sheet: &YearSheet, dice: &mut Dice, threshold: i64) -> YearSheet {
    let mut next = sheet.clone();
    let pick = |dice: &mut Dice| code(COUNTRIES[usize::try_from(dice.below(8)).expect("an index")]);
    let one = pick(dice);
    match dice.below(8) {
        // Across the threshold and back, or anywhere.
        0 | 1 => drop(next.counts.insert(one, known(dice.count(threshold)))),
        2 => drop(next.counts.insert(one, known(threshold - 1 + dice.below(2)))),
        // From one to another.
        3 => {
            let other = pick(dice);
            let value = |sheet: &YearSheet, of: &CountryCode| {
                sheet.counts.get(of).and_then(|cell| cell.observation.value()).map_or(0, Count::get)
            };
            let both = value(sheet, &one) + value(sheet, &other);
            let part = dice.below(both + 1);
            next.counts.insert(one, known(part));
            next.counts.insert(other, known(both - part));
        }
        4 => drop(next.counts.remove(&one)),
        5 => drop(next.counts.insert(one, absent(ObservationStatus::Suppressed))),
        6 => drop(next.counts.insert(one, absent(ObservationStatus::Missing))),
        // Only the total.
        _ => {}
    }
    set_total(&mut next, dice);
    next
}

fn policy(method: DisclosureMethod, threshold: i64) -> DisclosurePolicy {
    DisclosurePolicy { method, threshold: Threshold::try_from(threshold).expect("a threshold") }
}

fn public(sheet: &Sheet) -> Public {
    let shown = |(country, figure): (&CountryCode, &std::sync::Arc<api::figures::disclosure::Figure>)| {
        let shown = match (figure.value(), figure.confidentiality()) {
            (Some(value), _) => Shown::Value(value.get()),
            (None, Confidentiality::Withheld | Confidentiality::Merged) => Shown::Withheld,
            (None, _) => return None,
        };
        Some((country.to_string(), shown))
    };
    let value = |figure: Option<&std::sync::Arc<api::figures::disclosure::Figure>>| Some(figure?.value()?.get());
    Public {
        counts: sheet.counts().iter().filter_map(shown).collect(),
        total: value(sheet.total()),
        others: value(sheet.others()),
        sum: sheet.sum(),
        difference: sheet.difference(),
    }
}

fn truth(sheet: &YearSheet) -> Truth {
    let value = |(country, cell): (&CountryCode, &Cell)| Some((country.to_string(), cell.observation.value()?.get()));
    Truth {
        counts: sheet.counts.iter().filter_map(value).collect(),
        total: sheet.total.as_ref().map(|total| total.value().get()),
    }
}

/// What is public of these states, beside what is true.
fn disclosed(policy: DisclosurePolicy, states: &[YearSheet]) -> History {
    let shown = disclose(policy, &states.iter().collect::<Vec<_>>());
    assert_eq!(shown.len(), states.len());
    shown.iter().map(public).zip(states.iter().map(truth)).collect()
}

const THRESHOLDS: [i64; 4] = [3, 5, 10, 16];

const ROUNDS: u64 = 48;

/// The states of a sheet that was corrected now and then.
fn states(seed: u64, threshold: i64) -> Vec<YearSheet> {
    let mut dice = Dice(seed);
    let mut states = vec![first(&mut dice, threshold)];
    for _ in 0..dice.below(6) {
        states.push(corrected(states.last().expect("a state"), &mut dice, threshold));
    }
    states
}

#[test]
fn no_hidden_count_can_be_narrowed_to_less_than_the_threshold_whatever_is_corrected() {
    let mut withheld = 0;
    let mut with_total = 0;
    for threshold in THRESHOLDS {
        for seed in 0..ROUNDS {
            let states = states(seed, threshold);
            for method in [DisclosureMethod::Suppress, DisclosureMethod::Merge] {
                let history = disclosed(policy(method, threshold), &states);
                let hides = |public: &Public| public.withheld().next().is_some();
                withheld += history.iter().filter(|(public, _)| hides(public)).count();
                with_total += history.iter().filter(|(public, _)| hides(public) && public.total.is_some()).count();
                assert_hidden(&history, threshold, &format!("{method:?} {threshold}, seed {seed}"));
            }
        }
    }
    // What hides everything passes, too.
    assert!(with_total * 10 > withheld, "{with_total} of {withheld} sheets with something hidden show their total");
}

#[test]
fn a_rounded_count_can_be_anything_that_rounds_to_it_whatever_is_corrected() {
    let mut totals = 0;
    for base in THRESHOLDS {
        for seed in 0..ROUNDS {
            let history = disclosed(policy(DisclosureMethod::Round, base), &states(seed, base));
            totals += history.iter().filter(|(public, _)| public.total.is_some()).count();
            assert_rounded(&history, base, &format!("base {base}, seed {seed}"));
        }
    }
    assert!(totals > 0, "no total is shown at all");
}

/// What is public of these states when the site moves to another server after the first few of them: what the one showed,
/// then what the other shows, which begins with the state that was exported.
fn moved(policy: DisclosurePolicy, states: &[YearSheet], after: usize) -> History {
    let (before, later) = (&states[..after], &states[after - 1..]);
    let mut old = Discloser::new(policy);
    let mut shown: Vec<Public> = before.iter().map(|sheet| public(&old.next(sheet))).collect();
    let withheld = old.withheld();
    let mut new = Discloser::new(policy);
    let imported = |sheet: &YearSheet| YearSheet { withheld: withheld.clone(), ..sheet.clone() };
    shown.extend(later.iter().map(|sheet| public(&new.next(&imported(sheet)))));
    shown.into_iter().zip(before.iter().chain(later).map(truth)).collect()
}

#[test]
fn an_export_and_import_between_two_states_tells_nothing_more() {
    for threshold in THRESHOLDS {
        for seed in 0..ROUNDS {
            let states = states(seed, threshold);
            let after = 1 + usize::try_from(seed).expect("small") % states.len();
            for method in [DisclosureMethod::Suppress, DisclosureMethod::Merge, DisclosureMethod::Round] {
                let policy = policy(method, threshold);
                let context = format!("{method:?} {threshold}, seed {seed}, after {after}");
                let history = moved(policy, &states, after);
                let stayed = disclosed(policy, &states);
                let same: Vec<_> = history[..after].iter().chain(&history[after + 1..]).cloned().collect();
                assert_eq!(same, stayed, "{context}");
                match method {
                    DisclosureMethod::Round => assert_rounded(&history, threshold, &context),
                    _ => assert_hidden(&history, threshold, &context),
                }
            }
        }
    }
}

#[test]
fn the_solver_finds_what_is_not_hidden_well_enough() {
    for seed in 0..8 {
        for method in [DisclosureMethod::Off, DisclosureMethod::Warn] {
            let history = disclosed(policy(method, 10), &states(seed, 10));
            assert_known(&history, &format!("{method:?}, seed {seed}"));
        }
    }
    let state = |counts: &[(&str, Shown, i64)], shows_total: bool| {
        let truth: BTreeMap<String, i64> = counts.iter().map(|(name, _, value)| ((*name).to_owned(), *value)).collect();
        let total = Some(truth.values().sum());
        let counts = counts.iter().map(|(name, shown, _)| ((*name).to_owned(), *shown)).collect();
        let public = Public { counts, total: total.filter(|_| shows_total), ..Public::default() };
        (public, Truth { counts: truth, total })
    };
    let interval = |history: &History, country: &str| {
        let attacker = Attacker { history, reading: &exactly, knows_what_stayed: true, rule: Rule::Nothing };
        attacker.interval(&attacker.unknown(0, country))
    };
    let is = |(from, to): (f64, f64), least: i64, most: i64| {
        (from - real(least)).abs() < CLOSE && (to - real(most)).abs() < CLOSE
    };
    let china = ("CN", Shown::Value(40), 40);

    // One alone is the total less the others.
    let alone = vec![state(&[china, ("US", Shown::Withheld, 3)], true)];
    assert!(is(interval(&alone, "US"), 3, 3));
    // Two small ones hide each other no better than their sum.
    let both = vec![state(&[china, ("US", Shown::Withheld, 3), ("VN", Shown::Withheld, 2)], true)];
    assert!(is(interval(&both, "US"), 0, 5));
    // Another state that shows one of them tells the other.
    let second = state(&[china, ("US", Shown::Withheld, 3), ("VN", Shown::Value(20), 20)], true);
    assert!(is(interval(&vec![both[0].clone(), second], "VN"), 2, 2));
    // Without a total there is nothing to be found.
    let hidden = vec![state(&[china, ("US", Shown::Withheld, 3)], false)];
    assert!(interval(&hidden, "US").1 > FAR / 2.0);
}

#[test]
fn the_solver_finds_what_a_total_tells_of_rounded_counts() {
    let counts = BTreeMap::from([("CN".to_owned(), Shown::Value(10)), ("US".to_owned(), Shown::Value(0))]);
    let truth = BTreeMap::from([("CN".to_owned(), 14), ("US".to_owned(), 4)]);
    let public = Public { counts, total: Some(20), ..Public::default() };
    let history = vec![(public, Truth { counts: truth, total: Some(18) })];
    let reading = |shown| rounds_to(10, shown);
    let attacker = Attacker { history: &history, reading: &reading, knows_what_stayed: false, rule: Rule::Nothing };
    let (from, to) = attacker.interval(&attacker.unknown(0, "CN"));
    assert!((from - 11.0).abs() < CLOSE && (to - 14.0).abs() < CLOSE, "{from} {to}: not from 5");
    assert_eq!(
        (rounds_to(10, 0), rounds_to(10, 10), rounds_to(5, 5), rounds_to(5, 0)),
        ((0, 4), (5, 14), (3, 7), (0, 2))
    );
}

#[test]
fn counts_that_change_in_turn_do_not_tell_of_one_that_stays() {
    // In every state what is hidden sums to the threshold or more. Yet the second and third have one count that is 5 at
    // most each, and in the first state these two are 10 together: nothing is left for the one that stays.
    let states = [(2, 2, 2), (0, 5, 5), (0, 0, 5), (0, 5, 0)].map(|(stays, one, other)| {
        let mut sheet = empty();
        for (country, value) in [("AU", stays), ("CN", one), ("KR", other), ("US", 50)] {
            sheet.counts.insert(code(country), known(value));
        }
        sheet.total = Some(total(50 + stays + one + other));
        sheet
    });
    for method in [DisclosureMethod::Suppress, DisclosureMethod::Merge] {
        let mut history = disclosed(policy(method, 5), &states);
        assert_hidden(&history, 5, &format!("{method:?}"));
        for (public, truth) in &mut history {
            (public.total, public.others) = (truth.total, None);
            public.counts.insert("US".to_owned(), Shown::Value(50));
        }
        let attacker = Attacker { history: &history, reading: &exactly, knows_what_stayed: true, rule: Rule::Nothing };
        let (from, to) = attacker.interval(&attacker.unknown(1, "AU"));
        assert!(from.abs() < CLOSE && to.abs() < CLOSE, "with every total it would be known, not {from} to {to}");
    }
}

#[test]
fn the_largest_count_is_rounded_like_any_other() {
    for (value, base, shown) in [
        (Count::MAX, 10, Count::MAX - 7),
        (Count::MAX - 2, 10, Count::MAX - 7),
        (Count::MAX - 3, 10, Count::MAX - 7),
        (Count::MAX, 16, Count::MAX - 15),
        (Count::MAX - 17, 16, Count::MAX - 15),
        (Count::MAX, 1000, Count::MAX - 647),
    ] {
        let mut sheet = empty();
        sheet.counts.insert(code("CN"), known(value));
        let rounded = disclosed(policy(DisclosureMethod::Round, base), &[sheet]);
        assert_eq!(rounded[0].0.counts["CN"], Shown::Value(shown), "{value} {base}");
    }
}

#[test]
fn what_is_hidden_once_stays_hidden_and_other_categories_tell_nothing() {
    let sheet = |china: i64| {
        let mut sheet = empty();
        for (country, value) in [("CN", china), ("KR", 31), ("US", 4), ("VN", 18)] {
            sheet.counts.insert(code(country), known(value));
        }
        sheet.total = Some(total(53 + china));
        sheet
    };
    let history = disclosed(policy(DisclosureMethod::Suppress, 10), &[sheet(40), sheet(3), sheet(40)]);
    let withheld: Vec<Vec<&String>> = history.iter().map(|(public, _)| public.withheld().collect()).collect();
    assert_eq!(withheld, [vec!["US", "VN"], vec!["CN", "US", "VN"], vec!["CN", "US", "VN"]]);
    let totals: Vec<Option<i64>> = history.iter().map(|(public, _)| public.total).collect();
    assert_eq!(totals, [Some(93), None, None], "what was shown once would tell what is hidden now");
}

/// Sets the site's policy and publishes it.
async fn set(app: &TestApp, method: &str, threshold: i64) {
    let administrator = app.administrator().await;
    let site = administrator.run("{ document(by: { site: true }) { version } }", json!({})).await;
    let disclosure = json!({ "method": method, "threshold": threshold });
    let input = json!({ "expectedVersion": site.at("/data/document/version"), "disclosure": disclosure });
    let saved = administrator.done("siteSave", input).await["document"].clone();
    administrator.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
}

/// How often somebody was noted as having read what is confidential.
async fn readings(app: &TestApp) -> usize {
    audit_log(app).await.iter().filter(|entry| entry.action == "confidentialReading").count()
}

/// Every number of an answer that counts people, with where it stands.
fn counted(value: &Value, path: &str, found: &mut Vec<(String, i64)>) {
    const COUNTS: [&str; 4] = ["value", "publishedTotal", "sumOfCountries", "unallocated"];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                match value.as_i64() {
                    Some(number) if COUNTS.contains(&name.as_str()) => found.push((path, number)),
                    _ => counted(value, &path, found),
                }
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                counted(value, &format!("{path}.{index}"), found);
            }
        }
        _ => {}
    }
}

/// Fails if an answer has a small number in it.
fn assert_nothing_small(text: &str, threshold: i64) {
    let mut found = Vec::new();
    counted(&serde_json::from_str(text).expect("JSON"), "", &mut found);
    assert!(!found.is_empty(), "{text}");
    for (path, number) in found {
        assert!(number == 0 || number >= threshold, "{path} is {number}");
    }
}

/// A category and year.
type Key = (String, i64);

/// What a fact sheet publishes of each category and year.
fn read(fact_sheet: &Value) -> BTreeMap<Key, Public> {
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let mut found: BTreeMap<Key, Public> = BTreeMap::new();
    for category in list(&fact_sheet["categories"]) {
        let code = category["category"]["code"].as_str().expect("a code").to_owned();
        let key = |of: &Value| (code.clone(), of["year"].as_i64().expect("a year"));
        for total in list(&category["yearlyTotals"]) {
            let public = Public {
                counts: BTreeMap::new(),
                total: total["publishedTotal"].as_i64(),
                others: total["others"]["value"].as_i64(),
                sum: total["sumOfCountries"].as_i64(),
                difference: total["difference"].as_i64(),
            };
            assert_eq!(total["published"]["value"].as_i64(), public.total);
            found.insert(key(&total), public);
        }
        for series in list(&category["countries"]) {
            let country = series["country"]["code"].as_str().expect("a code");
            for count in list(&series["counts"]) {
                let hidden = ["WITHHELD", "MERGED"].contains(&count["confidentiality"].as_str().expect("a word"));
                let shown = match count["value"].as_i64() {
                    Some(value) => Shown::Value(value),
                    None if hidden => Shown::Withheld,
                    None => continue,
                };
                found.entry(key(&count)).or_default().counts.insert(country.to_owned(), shown);
            }
        }
    }
    assert_margins(fact_sheet, &found);
    found
}

/// Across a margin, nothing may be told that its parts do not tell: neither a sum nor what is left of one.
fn assert_margins(fact_sheet: &Value, parts: &BTreeMap<Key, Public>) {
    for row in fact_sheet["reconciliation"].as_array().expect("rows") {
        let of = |(category, year): &Key| {
            (row["category"].is_null() || row["category"] == **category)
                && (row["year"].is_null() || row["year"] == *year)
        };
        // A year in which a category has no sheet is no part.
        let is_there = |public: &Public| *public != Public::default();
        let of_row: Vec<&Public> =
            parts.iter().filter(|(key, public)| of(key) && is_there(public)).map(|(_, public)| public).collect();
        let tells = |field: &str, told: Option<i64>| {
            let is_told = row[field].is_null() || row[field].as_i64() == told;
            assert!(is_told, "{field} of {row} where its parts tell {told:?}");
        };
        tells("publishedTotal", of_row.iter().map(|part| part.total).sum());
        tells("sumOfCountries", of_row.iter().map(|part| part.sum).sum());
        tells("difference", of_row.iter().map(|part| part.difference).sum());
    }
}

/// Everything that the public can ask of figures, at every moment at which any were published: the states of each
/// category and year. Fails where two answers differ.
async fn collect(app: &TestApp) -> BTreeMap<Key, Vec<Public>> {
    let anonymous = app.anonymous();
    let reply = anonymous.run("{ vintages { publishedAt category year withdrawn } }", json!({})).await;
    let vintages = reply.at("/data/vintages").as_array().expect("vintages").clone();
    let mut moments: Vec<&str> = vintages.iter().filter_map(|vintage| vintage["publishedAt"].as_str()).collect();
    moments.dedup();
    let mut states: BTreeMap<Key, Vec<Public>> = BTreeMap::new();
    let mut last = BTreeMap::new();
    for moment in moments {
        let reply = whole(&anonymous, &format!("locale: \"en\", asOf: \"{moment}\"")).await;
        last = read(reply.at("/data/factSheet"));
        for vintage in
            vintages.iter().filter(|vintage| vintage["publishedAt"] == moment && vintage["withdrawn"] == false)
        {
            let key =
                (vintage["category"].as_str().expect("a code").to_owned(), vintage["year"].as_i64().expect("a year"));
            let public = last.get(&key).cloned().unwrap_or_default();
            states.entry(key).or_default().push(public);
        }
    }
    let now = whole(&anonymous, "locale: \"en\"").await;
    assert_eq!(read(now.at("/data/factSheet")), last, "now is what was published last");
    for (key, states) in &states {
        assert_history(app, key, states).await;
    }
    states
}

/// Fails unless the history of every figure of a category and year tells what the fact sheets of those moments tell.
async fn assert_history(app: &TestApp, (category, year): &Key, states: &[Public]) {
    let countries: BTreeSet<&String> = states.iter().flat_map(|public| public.counts.keys()).collect();
    let mut fields = format!("total: figureHistory(category: \"{category}\", year: {year}) {{ after {{ value }} }} ");
    for country in &countries {
        fields.push_str(&format!(
            "{country}: figureHistory(category: \"{category}\", country: \"{country}\", year: {year}) {{ after {{ value }} }} "
        ));
    }
    let reply = app.anonymous().run(&format!("{{ {fields} }}"), json!({})).await;
    let told = |name: &str| -> BTreeSet<Option<i64>> {
        let changes = reply.at(&format!("/data/{name}")).as_array().expect("changes");
        changes
            .iter()
            .filter(|change| change["after"].is_object())
            .map(|change| change["after"]["value"].as_i64())
            .collect()
    };
    let totals: BTreeSet<Option<i64>> = states.iter().map(|public| public.total).collect();
    assert!(told("total").is_subset(&totals), "{category} {year}: {:?} {totals:?}", told("total"));
    for country in countries {
        let shown: BTreeSet<Option<i64>> = states
            .iter()
            .map(|public| match public.counts.get(country) {
                Some(Shown::Value(value)) => Some(*value),
                _ => None,
            })
            .collect();
        assert!(told(country).is_subset(&shown), "{category} {year} {country}: {:?} {shown:?}", told(country));
    }
}

/// What is true of what the collector found while nothing was hidden.
fn true_values(states: &BTreeMap<Key, Vec<Public>>) -> BTreeMap<Key, Vec<Truth>> {
    let value = |(country, shown): (&String, &Shown)| match shown {
        Shown::Value(value) => (country.clone(), *value),
        Shown::Withheld => panic!("{country} is withheld"),
    };
    let truth = |public: &Public| Truth { counts: public.counts.iter().map(value).collect(), total: public.total };
    states.iter().map(|(key, states)| (key.clone(), states.iter().map(truth).collect())).collect()
}

/// Corrects the figures of two years through the API, one step a minute.
async fn correct(app: &TestApp, seed: u64) {
    let editor = app.editor().await;
    let mut dice = Dice(seed);
    for (category, year) in [("RESIDENT", 2022), ("TRAVEL", 2018), ("RESIDENT", 2022), ("RESIDENT", 2022)] {
        later(app, 1);
        let found = sheet(&editor, category, year).await;
        let mut rows: BTreeMap<String, Value> = BTreeMap::new();
        let countries = found["draft"]["counts"].as_array().expect("counts");
        for _ in 0..2 {
            let index = usize::try_from(dice.below(i64::try_from(countries.len()).expect("few"))).expect("an index");
            let country = countries[index]["country"].as_str().expect("a code");
            let row = match dice.below(3) {
                0 => json!({ "country": country, "remove": true }),
                _ => json!({ "country": country, "value": dice.count(10), "status": "FINAL" }),
            };
            rows.insert(country.to_owned(), row);
        }
        for added in ["ZA", "JM"] {
            rows.entry(added.to_owned())
                .or_insert(json!({ "country": added, "value": dice.count(10), "status": "FINAL" }));
        }
        let note = json!([{ "locale": "en", "text": "As reported" }]);
        let mut change = json!({ "category": category, "year": year, "expectedVersion": found["version"] });
        change["counts"] = rows.into_values().collect();
        (change["total"], change["totalNote"]) = ((40 + dice.below(60)).into(), note);
        let input = json!({ "sheets": [change], "publish": true, "kind": "CORRECTION", "reason": "Recounted" });
        bulk_done(&editor, input).await;
    }
}

async fn what_is_published_through_the_api_hides_what_it_should(seed: u64) {
    let app = TestApp::new().await;
    correct(&app, seed).await;
    set(&app, "OFF", 10).await;
    let open = collect(&app).await;
    let truths = true_values(&open);
    let histories = |states: BTreeMap<Key, Vec<Public>>| -> BTreeMap<Key, History> {
        assert_eq!(states.keys().collect::<Vec<_>>(), truths.keys().collect::<Vec<_>>());
        states
            .into_iter()
            .map(|(key, states)| (key.clone(), states.into_iter().zip(truths[&key].clone()).collect()))
            .collect()
    };
    for (key, history) in histories(open) {
        assert_known(&history, &format!("OFF {key:?}"));
    }
    for threshold in THRESHOLDS {
        for method in ["SUPPRESS", "MERGE", "ROUND"] {
            set(&app, method, threshold).await;
            for (key, history) in histories(collect(&app).await) {
                let context = format!("{method} {threshold} {key:?}");
                match method {
                    "ROUND" => assert_rounded(&history, threshold, &context),
                    _ => assert_hidden(&history, threshold, &context),
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_learns_a_small_count_from_all_that_is_published_and_corrected() {
    what_is_published_through_the_api_hides_what_it_should(1).await;
}

#[tokio::test]
async fn nor_from_other_corrections() {
    what_is_published_through_the_api_hides_what_it_should(2).await;
}

on_both_databases! {
    async fn a_policy_has_a_method_and_a_threshold_that_makes_sense(app: TestApp) {
        let administrator = app.administrator().await;
        let save = async |disclosure: Value| {
            let site = administrator.run("{ document(by: { site: true }) { version } }", json!({})).await;
            let input = json!({ "expectedVersion": site.at("/data/document/version"), "disclosure": disclosure });
            administrator.mutate("siteSave", input).await
        };
        for threshold in [0, 1, 1001, 1_000_000_000, -10] {
            let refused = save(json!({ "method": "SUPPRESS", "threshold": threshold })).await;
            let errors = &refused.data()["siteSave"]["errors"];
            assert_eq!(faults(errors), ["input.disclosure.threshold OUT_OF_RANGE"], "{threshold}");
        }
        for method in ["HIDE", "off"] {
            assert_eq!(save(json!({ "method": method })).await.status(), 400, "{method}");
        }
        let stands = async || {
            let document = "{ document(by: { site: true }) { content { ... on SiteContent { disclosure { method threshold } } } } }";
            administrator.run(document, json!({})).await.at("/data/document/content/disclosure").clone()
        };
        assert_eq!(stands().await, json!({ "method": "WARN", "threshold": 10 }));
        for (method, threshold) in [("OFF", 2), ("WARN", 1000), ("SUPPRESS", 10), ("ROUND", 5), ("MERGE", 16)] {
            let saved = save(json!({ "method": method, "threshold": threshold })).await;
            assert_eq!(saved.user_codes("siteSave"), [] as [&str; 0]);
            assert_eq!(stands().await, json!({ "method": method, "threshold": threshold }));
        }
        save(json!({ "method": "OFF" })).await;
        assert_eq!(stands().await, json!({ "method": "OFF", "threshold": 16 }), "left out, it stays");
    }

    async fn a_warning_tells_editors_and_hides_nothing(app: TestApp) {
        let editor = app.editor().await;
        let warned = answers(&app.anonymous()).await;
        let found = sheet(&editor, "RESIDENT", 2022).await;
        let counts = found["draft"]["counts"].as_array().expect("counts");
        let is_small = |cell: &&Value| cell["value"].as_i64().is_some_and(|value| (1..10).contains(&value));
        let small: Vec<Value> = counts.iter().filter(is_small).map(|cell| cell["country"].clone()).collect();
        assert!(small.len() > 3, "{found}");
        assert_eq!(found["smallCounts"], json!(small));
        set(&app, "OFF", 10).await;
        assert_eq!(answers(&app.anonymous()).await, warned);
        assert_eq!(sheet(&editor, "RESIDENT", 2022).await["smallCounts"], json!([]));
        set(&app, "WARN", 2).await;
        assert_eq!(answers(&app.anonymous()).await, warned);
        let ones: Vec<&Value> = counts.iter().filter(|cell| cell["value"] == 1).map(|cell| &cell["country"]).collect();
        assert_eq!(sheet(&editor, "RESIDENT", 2022).await["smallCounts"], json!(ones));
        set(&app, "SUPPRESS", 10).await;
        assert_ne!(answers(&app.anonymous()).await, warned);
        assert_eq!(sheet(&editor, "RESIDENT", 2022).await["smallCounts"], json!(small), "editors see what they work on");
    }

    async fn a_policy_holds_once_it_is_published_for_every_answer_and_in_every_process(app: TestApp) {
        let replica = app.reopen().await;
        let before = answers(&app.anonymous()).await;
        let administrator = app.administrator().await;
        let input = json!({ "expectedVersion": 1, "disclosure": { "method": "SUPPRESS", "threshold": 10 } });
        let saved = administrator.done("siteSave", input).await["document"].clone();
        assert_eq!(answers(&app.anonymous()).await, before, "a draft");
        administrator.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
        let after = answers(&app.anonymous()).await;
        assert_ne!(after, before);
        let reader = app.bearer(&app.sign_in(READER).await.access_token);
        assert_eq!(answers(&reader).await, after);
        assert_eq!(answers(&administrator).await, after, "the public's questions have the public's answers");
        api::delivery::feed::look(replica.state()).await.expect("the feed can be read");
        assert_eq!(answers(&replica.anonymous()).await, after);
        set(&app, "WARN", 10).await;
        assert_eq!(answers(&app.anonymous()).await, before, "and it can be taken back");
    }

    async fn every_count_that_is_shown_is_none_or_large_whatever_is_asked(app: TestApp) {
        for method in ["SUPPRESS", "MERGE"] {
            set(&app, method, 10).await;
            for text in answers(&app.anonymous()).await.iter().take(2) {
                assert_nothing_small(text, 10);
            }
            let all = "{ figureChanges(since: \"2026-01-14T00:00:00Z\") { figures { category country year before { value } after { value } } } }";
            let reply = app.anonymous().run(all, json!({})).await;
            assert_nothing_small(reply.text(), 10);
            // What copies are made of tells what the fact sheet tells.
            let states = collect(&app).await;
            let figures = reply.at("/data/figureChanges/figures").as_array().expect("figures");
            assert!(figures.len() > 100);
            for figure in figures {
                let key = (figure["category"].as_str().expect("a code").to_owned(), figure["year"].as_i64().expect("a year"));
                let public = states[&key].last().expect("a state");
                let shown = match figure["country"].as_str() {
                    None => public.total,
                    Some(country) => match public.counts.get(country) {
                        Some(Shown::Value(value)) => Some(*value),
                        _ => None,
                    },
                };
                assert_eq!(figure["after"]["value"].as_i64(), shown, "{method} {figure}");
            }
            let now = whole(&app.anonymous(), "locale: \"en\"").await;
            let as_of = whole(&app.anonymous(), "locale: \"en\", asOf: \"2026-01-15T00:00:00Z\"").await;
            assert_eq!(now.answer(), as_of.answer());
            assert!(states.values().flatten().any(|public| public.withheld().next().is_some() && public.total.is_some()));
            let others = states.values().flatten().filter(|public| public.others.is_some()).count();
            assert_eq!(others > 0, method == "MERGE");
        }
    }

    async fn a_withheld_figure_says_so_and_nothing_else(app: TestApp) {
        set(&app, "SUPPRESS", 10).await;
        let reply = whole(&app.anonymous(), "locale: \"en\"").await;
        let mut withheld = 0;
        for category in reply.at("/data/factSheet/categories").as_array().expect("categories") {
            for series in category["countries"].as_array().expect("countries") {
                for count in series["counts"].as_array().expect("counts").iter().filter(|count| count["confidentiality"] == "WITHHELD") {
                    withheld += 1;
                    let told = json!([count["value"], count["status"], count["flags"], count["note"], count["noteLocale"]]);
                    assert_eq!(told, json!([null, "SUPPRESSED", ["SUPPRESSED"], null, null]));
                }
            }
        }
        assert!(withheld > 50, "{withheld}");
        // India has no value in any year: not small, and said to be missing as before.
        let travel = reply.at("/data/factSheet/categories/0/countries").as_array().expect("countries");
        let india = travel.iter().find(|series| series["country"]["code"] == "IN").expect("India");
        assert_eq!((&india["counts"][0]["status"], &india["counts"][0]["confidentiality"]), (&json!("MISSING"), &json!("FREE")));
    }

    async fn what_was_counted_is_for_statisticians_and_every_look_is_recorded(app: TestApp) {
        let plain = whole(&app.anonymous(), "locale: \"en\"").await.answer();
        set(&app, "SUPPRESS", 10).await;
        let hidden = whole(&app.anonymous(), "locale: \"en\"").await.answer();
        let statistician = app.bearer(&app.sign_in(STATISTICIAN).await.access_token);
        let before = (readings(&app).await, audit_log(&app).await.len());
        let asked = "locale: \"en\", confidential: true";
        assert_eq!(whole(&statistician, asked).await.answer(), plain);
        let log = audit_log(&app).await;
        assert_eq!((readings(&app).await, log.len()), (before.0 + 1, before.1 + 1), "one entry and no more");
        let entry = log.last().expect("an entry");
        assert_eq!((entry.action.as_str(), &entry.code, entry.document_id), ("confidentialReading", &None, None));
        assert!(entry.actor_id.is_some());
        let then = format!("{asked}, asOf: \"2026-01-15T00:00:00Z\"");
        assert_eq!(whole(&statistician, &then).await.answer(), plain, "of every moment");
        assert_eq!(readings(&app).await, before.0 + 2);

        for credentials in [READER, TRANSLATOR] {
            let client = app.bearer(&app.sign_in(credentials).await.access_token);
            assert_eq!(whole(&client, asked).await.code(), "FORBIDDEN", "{}", credentials.email);
            assert_eq!(whole(&client, "locale: \"en\"").await.answer(), hidden);
        }
        assert_eq!(whole(&app.anonymous(), asked).await.code(), "UNAUTHENTICATED");
        assert_eq!(whole(&app.anonymous(), &then).await.code(), "UNAUTHENTICATED");
        assert_eq!(whole(&statistician, "locale: \"en\"").await.answer(), hidden, "unless they ask");
        assert_eq!(readings(&app).await, before.0 + 2, "who was refused has read nothing");
    }

    async fn who_reads_a_sheet_is_recorded_where_figures_are_hidden_and_only_there(app: TestApp) {
        let editor = app.editor().await;
        let id = sheet(&editor, "RESIDENT", 2022).await["id"].clone();
        let questions = [
            "query { yearSheet(category: \"RESIDENT\", year: 2022) { version } }",
            "query($id: ID!) { document(by: { id: $id }) { version } }",
            "query($id: ID!) { history(id: $id) { revisions { version } } }",
            "query($id: ID!) { diff(id: $id, a: 1, b: 1) { path } }",
        ];
        for (method, is_recorded) in [("OFF", false), ("WARN", false), ("SUPPRESS", true), ("ROUND", true), ("MERGE", true)] {
            set(&app, method, 10).await;
            for question in questions {
                let before = readings(&app).await;
                assert!(editor.run(question, json!({ "id": id })).await.errors().is_empty(), "{question}");
                let expected = before + usize::from(is_recorded);
                assert_eq!(readings(&app).await, expected, "{method} {question}");
            }
            let before = readings(&app).await;
            let page = "{ document(by: { page: \"about-us\" }) { version } }";
            editor.run(page, json!({})).await;
            assert_eq!(readings(&app).await, before, "a page is no figure");
        }
    }

    async fn a_link_to_a_draft_shows_no_more_than_the_public_would_see_of_it(app: TestApp) {
        set(&app, "SUPPRESS", 10).await;
        let editor = app.editor().await;
        let found = sheet(&editor, "RESIDENT", 2022).await;
        let change = json!({ "category": "RESIDENT", "year": 2022, "expectedVersion": found["version"], "counts": [{ "country": "CN", "value": 7 }, { "country": "JM", "value": 3 }] });
        let done = bulk_done(&editor, json!({ "sheets": [change] })).await;
        let input = json!({ "id": found["id"], "version": done["yearSheets"][0]["version"] });
        let preview = editor.done("previewCreate", input).await["preview"].clone();
        let link = preview["token"].as_str().expect("a token");
        // Others may not see it at all: with what is published later, it may tell what is hidden.
        let visitor = editor.previewing(link);
        let shown = whole(&visitor, "locale: \"en\"").await;
        assert_ne!(shown.answer(), whole(&app.anonymous(), "locale: \"en\"").await.answer());
        assert_nothing_small(shown.text(), 10);
        let reply = visitor.run("{ figureChanges(since: \"2026-01-14T00:00:00Z\") { figures { after { value } } } }", json!({})).await;
        assert_nothing_small(reply.text(), 10);
        assert_eq!(whole(&app.anonymous().previewing(link), "locale: \"en\"").await.code(), "FORBIDDEN");
    }

    async fn visits_of_no_country_in_particular_are_hidden_like_any_other_where_they_are_few(app: TestApp) {
        let editor = app.editor().await;
        publish_country(&editor, "ZZ", "Not allocated").await;
        let counts = json!([
            { "country": "CN", "value": 40 }, { "country": "US", "value": 31 }, { "country": "VN", "value": 18 }, { "country": "ZZ", "value": 3 },
        ]);
        let year = json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 0, "total": 92, "counts": counts });
        bulk_done(&editor, json!({ "sheets": [year], "publish": true })).await;
        set(&app, "MERGE", 10).await;
        let reply = whole(&app.anonymous(), "categories: [\"RESIDENT\"], from: 2023").await;
        let total = reply.at("/data/factSheet/categories/0/yearlyTotals/0");
        assert_eq!((&total["publishedTotal"], &total["others"]["value"]), (&json!(92), &json!(21)));
        assert_eq!((&total["sumOfCountries"], &total["unallocated"]["value"]), (&json!(92), &Value::Null));
        let rows = reply.at("/data/factSheet/reconciliation").as_array().expect("rows");
        assert!(rows.iter().all(|row| row["unallocated"].is_null()), "{rows:?}");
    }
}
