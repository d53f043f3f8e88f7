//! Attackers who know the rule, by brute force. Of a small table, every state of affairs that there can be is put through
//! what Almanac really does; those that come out the same are what an attacker cannot tell apart. No theory of what leaks
//! is needed: a decision that depends on what it hides shows as a value that is missing among them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use api::figures::{
    disclosure::{Confidentiality, Discloser, Figure, Sheet},
    year_sheet::YearSheet,
};
use entities::{CountryCode, DisclosureMethod, Flags, ObservationStatus};

use super::{COUNTRIES, absent, code, empty, known, policy, total};

/// How many there are of each country.
type Counts = Vec<i64>;

/// What was counted in one state after the other.
type World = Vec<Counts>;

/// Everything that is shown of a figure; nothing where there is none.
type Shown = Option<(Option<i64>, Flags, Confidentiality)>;

/// Everything that is shown of a state: the countries, the total, the others, the sum and the difference.
type Seen = (Vec<Shown>, [Shown; 2], [Option<i64>; 2]);

/// The worlds that are tried.
struct Worlds {
    method: DisclosureMethod,
    threshold: i64,
    countries: usize,
    /// The most that a country has.
    most: i64,
    /// How many countries change from a state to the next, at most.
    changes: usize,
    /// By how much the sum exceeds the total in each state; none where there is no total.
    gaps: &'static [Option<i64>],
    /// Whether the last of the countries is withheld by hand, and in the total all the same.
    by_hand: bool,
}

impl Worlds {
    const fn of(method: DisclosureMethod, threshold: i64, countries: usize, most: i64) -> Self {
        Self { method, threshold, countries, most, changes: 0, gaps: &[Some(0)], by_hand: false }
    }

    fn sheet(&self, codes: &[CountryCode], counts: &[i64], gap: Option<i64>) -> YearSheet {
        let mut sheet = empty();
        for (country, value) in codes.iter().zip(counts) {
            sheet.counts.insert(country.clone(), known(*value));
        }
        if self.by_hand {
            let last = codes.last().expect("a country").clone();
            sheet.counts.insert(last, absent(ObservationStatus::Suppressed));
        }
        let sum: i64 = counts.iter().sum();
        sheet.total = gap.map(|gap| total((sum - gap).max(0)));
        sheet
    }

    /// What can come after these counts, or first.
    fn next(&self, before: Option<&Counts>) -> Vec<Counts> {
        let mut found = vec![(Counts::new(), 0)];
        for country in 0..self.countries {
            let mut longer = Vec::new();
            for (counts, changed) in &found {
                for value in 0..=self.most {
                    let is_other = before.is_some_and(|before| before[country] != value);
                    let changed = changed + usize::from(is_other);
                    if changed <= self.changes {
                        longer.push((counts.iter().copied().chain([value]).collect(), changed));
                    }
                }
            }
            found = longer;
        }
        found.into_iter().map(|(counts, _)| counts).collect()
    }

    /// Every world, with what is seen of it.
    fn all(&self) -> Vec<(World, Vec<Seen>)> {
        let codes: Vec<CountryCode> = COUNTRIES[..self.countries].iter().map(|country| code(country)).collect();
        let discloser = Discloser::new(policy(self.method, self.threshold));
        let mut found = vec![(World::new(), Vec::new(), discloser)];
        for gap in self.gaps {
            let mut longer = Vec::new();
            for (world, seen, discloser) in &found {
                for counts in self.next(world.last()) {
                    // A total is no less than nothing.
                    if counts.iter().sum::<i64>() < gap.unwrap_or_default() {
                        continue;
                    }
                    let mut discloser = discloser.clone();
                    let shown = discloser.next(&self.sheet(&codes, &counts, *gap));
                    let mut longer_seen = seen.clone();
                    longer_seen.push(see(&codes, &shown));
                    let mut longer_world = world.clone();
                    longer_world.push(counts);
                    longer.push((longer_world, longer_seen, discloser));
                }
            }
            found = longer;
        }
        found.into_iter().map(|(world, seen, _)| (world, seen)).collect()
    }
}

fn see(codes: &[CountryCode], sheet: &Sheet) -> Seen {
    let figure = |figure: Option<&Arc<Figure>>| -> Shown {
        let figure = figure?;
        Some((figure.value().map(entities::Count::get), figure.observation().flags(), figure.confidentiality()))
    };
    let counts = codes.iter().map(|country| figure(sheet.counts().get(country))).collect();
    (counts, [figure(sheet.total()), figure(sheet.others())], [sheet.sum(), sheet.difference()])
}

fn is_hidden(shown: Shown) -> bool {
    shown.is_some_and(|(_, _, confidentiality)| {
        matches!(confidentiality, Confidentiality::Withheld | Confidentiality::Merged)
    })
}

/// Whether a sum is told of what is hidden.
fn tells_sum((_, figures, sums): &Seen) -> bool {
    figures.iter().flatten().any(|(value, _, _)| value.is_some()) || sums.iter().any(Option::is_some)
}

/// For each country and state, the first state in which it had the same: what somebody knows who knows of every count when
/// it stayed what it was, and when it changed. That a withheld count is one that was shown, nobody knows.
fn stays(world: &World, seen: &[Seen]) -> Vec<usize> {
    let known = |country: usize, state: usize| (world[state][country], is_hidden(seen[state].0[country]));
    let first = |country: usize, state: usize| {
        let same = (0..=state).find(|before| known(country, *before) == known(country, state));
        same.expect("itself at the latest")
    };
    (0..world.len())
        .flat_map(|state| (0..world[state].len()).map(move |country| (state, country)))
        .map(|(state, country)| first(country, state))
        .collect()
}

fn values(worlds: &[World], state: usize, country: usize) -> BTreeSet<i64> {
    worlds.iter().map(|world| world[state][country]).collect()
}

/// Fails unless a withheld count can be what is promised, for those who also know which counts are small and which counts
/// stayed. Returns how many answers hide something and tell a sum of it.
fn assert_withheld(tried: &Worlds) -> usize {
    // What was seen, which counts are small, and which stayed.
    type Known = (Vec<Seen>, Vec<bool>, Vec<usize>);
    let threshold = tried.threshold;
    let mut known: BTreeMap<Known, Vec<World>> = BTreeMap::new();
    for (world, seen) in tried.all() {
        let is_small = world[0].iter().map(|count| (1..threshold).contains(count)).collect();
        let stays = stays(&world, &seen);
        known.entry((seen, is_small, stays)).or_default().push(world);
    }
    let mut with_sum = 0;
    for ((seen, is_small, _), worlds) in &known {
        let hidden = |state: usize| (0..tried.countries).filter(move |country| is_hidden(seen[state].0[*country]));
        let sums = |state: usize| -> i64 { hidden(state).map(|country| worlds[0][state][country]).sum() };
        let told: Vec<usize> =
            (0..seen.len()).filter(|state| hidden(*state).next().is_some() && tells_sum(&seen[*state])).collect();
        // Where the sum is larger than any count that is tried, some of the worlds are missing.
        if told.iter().any(|state| sums(*state) > tried.most) {
            continue;
        }
        with_sum += usize::from(!told.is_empty());
        for (state, country) in (0..seen.len()).flat_map(|state| hidden(state).map(move |country| (state, country))) {
            let found = values(worlds, state, country);
            let context = format!("{} in state {state} can be {found:?}: {seen:#?}", COUNTRIES[country]);
            if state == 0 && is_small[country] {
                assert!((1..threshold).all(|value| found.contains(&value)), "small: {context}");
            } else {
                assert!(i64::try_from(found.len()).expect("few") >= threshold - 1, "{context}");
            }
        }
    }
    with_sum
}

/// Fails unless a rounded count can be everything that it can be for those who see no total. Returns how many answers tell a
/// total, and how many withhold it.
fn assert_rounded(tried: &Worlds) -> (usize, usize) {
    type Known = (Vec<Vec<Shown>>, Vec<usize>);
    let mut by_counts: BTreeMap<Known, BTreeMap<Vec<Seen>, Vec<World>>> = BTreeMap::new();
    for (world, seen) in tried.all() {
        let counts = seen.iter().map(|(counts, _, _)| counts.clone()).collect();
        let known = by_counts.entry((counts, stays(&world, &seen))).or_default();
        known.entry(seen).or_default().push(world);
    }
    let (mut told, mut withheld) = (0, 0);
    for answers in by_counts.values() {
        let all: Vec<World> = answers.values().flatten().cloned().collect();
        for (seen, worlds) in answers {
            for (state, (_, [total, _], _)) in seen.iter().enumerate() {
                let Some((value, _, _)) = total else { continue };
                *if value.is_some() { &mut told } else { &mut withheld } += 1;
                for (country, name) in COUNTRIES.iter().enumerate().take(tried.countries) {
                    let (found, expected) = (values(worlds, state, country), values(&all, state, country));
                    assert_eq!(found, expected, "{name} in state {state}: {seen:#?}");
                }
            }
        }
    }
    (told, withheld)
}

const WITHHOLDING: [DisclosureMethod; 2] = [DisclosureMethod::Suppress, DisclosureMethod::Merge];

#[test]
fn whoever_knows_the_rule_cannot_exclude_any_small_number_of_a_small_count() {
    use DisclosureMethod::{Merge, Suppress};
    for (method, threshold, countries, most) in [
        (Suppress, 3, 3, 13),
        (Suppress, 3, 4, 10),
        (Suppress, 3, 5, 7),
        (Suppress, 4, 4, 9),
        (Suppress, 5, 3, 16),
        (Merge, 3, 2, 14),
        (Merge, 3, 4, 7),
        (Merge, 4, 3, 14),
    ] {
        let with_sum = assert_withheld(&Worlds::of(method, threshold, countries, most));
        assert!(with_sum > 0, "{method:?} {threshold}: no sum is told with {countries} countries");
    }
}

#[test]
fn nor_with_a_total_that_is_not_the_sum() {
    for gaps in [&[Some(1)], &[Some(-3)], &[None]] {
        for method in WITHHOLDING {
            assert_withheld(&Worlds { gaps, ..Worlds::of(method, 3, 3, 11) });
        }
    }
}

#[test]
fn nor_from_two_states_and_what_changed_between_them() {
    for method in WITHHOLDING {
        let worlds = Worlds { gaps: &[Some(0), Some(0)], changes: 2, ..Worlds::of(method, 3, 2, 10) };
        assert!(assert_withheld(&worlds) > 0);
    }
    let worlds = Worlds::of(DisclosureMethod::Suppress, 3, 3, 7);
    assert!(assert_withheld(&Worlds { gaps: &[Some(0), Some(0)], changes: 2, ..worlds }) > 0);
    for gaps in [&[None, Some(0)], &[Some(0), None], &[Some(-1), Some(1)]] {
        assert_withheld(&Worlds { gaps, changes: 2, ..Worlds::of(DisclosureMethod::Suppress, 3, 2, 9) });
    }
}

#[test]
fn nor_from_three_states_of_which_one_takes_back_what_another_changed() {
    let gaps = &[Some(0), Some(0), Some(0)];
    let worlds = Worlds { gaps, changes: 1, ..Worlds::of(DisclosureMethod::Merge, 3, 2, 9) };
    assert!(assert_withheld(&worlds) > 0);
    let gaps = &[Some(0), None, Some(0)];
    assert_withheld(&Worlds { gaps, changes: 1, ..Worlds::of(DisclosureMethod::Suppress, 3, 2, 9) });
}

#[test]
fn no_sum_is_told_beside_a_figure_that_is_withheld_by_hand() {
    for method in WITHHOLDING {
        let worlds = Worlds { by_hand: true, ..Worlds::of(method, 3, 3, 8) };
        assert_eq!(assert_withheld(&worlds), 0);
    }
    let worlds = Worlds { by_hand: true, ..Worlds::of(DisclosureMethod::Round, 4, 3, 9) };
    assert_eq!(assert_rounded(&worlds).0, 0);
}

#[test]
fn whoever_knows_the_rule_reads_nothing_out_of_a_rounded_total_or_out_of_one_that_is_withheld() {
    let (mut told, mut withheld) = (0, 0);
    for (base, most) in [(2, 8), (3, 10), (4, 13), (5, 12), (10, 24)] {
        for countries in 1..=if base < 4 { 4 } else { 3 } {
            for gaps in [&[Some(0)], &[Some(1)], &[Some(-2)]] {
                let is_long = countries == 4 || base == 10;
                if is_long && gaps[0] != Some(0) || base == 10 && countries == 3 {
                    continue;
                }
                let found =
                    assert_rounded(&Worlds { gaps, ..Worlds::of(DisclosureMethod::Round, base, countries, most) });
                (told, withheld) = (told + found.0, withheld + found.1);
            }
        }
    }
    assert!(told > 100 && withheld > 100, "{told} {withheld}");
}

#[test]
fn nor_out_of_two_rounded_states() {
    let mut told = 0;
    for (base, countries, most) in [(2, 3, 4), (3, 2, 10), (4, 2, 9)] {
        let gaps = &[Some(0), Some(0)];
        let worlds = Worlds { gaps, changes: 2, ..Worlds::of(DisclosureMethod::Round, base, countries, most) };
        told += assert_rounded(&worlds).0;
    }
    assert!(told > 0);
    let gaps = &[None, Some(0)];
    assert_rounded(&Worlds { gaps, changes: 1, ..Worlds::of(DisclosureMethod::Round, 3, 3, 7) });
}

#[test]
fn the_worlds_tell_what_a_weaker_rule_gives_away() {
    // Nothing withheld: one world for each answer.
    let open = Worlds::of(DisclosureMethod::Warn, 3, 2, 5);
    assert_eq!(open.all().into_iter().map(|(_, seen)| seen).collect::<BTreeSet<_>>().len(), 36);
    // Of four small counts of 1 and a total of 4, each would be known.
    let worlds = Worlds::of(DisclosureMethod::Suppress, 3, 4, 4).all();
    let ones = worlds.iter().filter(|(world, _)| world[0].iter().all(|count| (1..3).contains(count)));
    let of_four: Vec<World> =
        ones.filter(|(world, _)| world[0].iter().sum::<i64>() == 4).map(|(world, _)| world.clone()).collect();
    assert_eq!(values(&of_four, 0, 0), BTreeSet::from([1]));
}
