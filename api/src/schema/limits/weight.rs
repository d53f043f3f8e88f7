//! A parsed document, weighed with every fragment written out, and each fragment weighed once.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::{LimitExceeded, Limits, at_most};

/// Checks a parsed document: how large it is once every fragment is written out where it is spread.
///
/// All operations count, not only the one that will run, because validation visits all of them. Every fragment is
/// weighed once, however often it is spread. A fragment that spreads itself weighs nothing there: validation refuses
/// such a document, and the engine's own limit on recursion (32) bounds what it does until then.
pub fn check(document: &ExecutableDocument, limits: &Limits) -> Result<(), LimitExceeded> {
    let mut weighed: HashMap<&str, Weighing<'_>> = HashMap::new();
    for (name, fragment) in &document.fragments {
        // Depth first with a stack of our own; a fragment is settled when it is met for the second time.
        let mut stack = vec![(name.as_str(), &fragment.node.selection_set.node)];
        while let Some((name, selection_set)) = stack.last().copied() {
            match weighed.get(name) {
                None => {
                    let own = own_weight(selection_set);
                    for (spread, _) in &own.spreads {
                        if !weighed.contains_key(spread)
                            && let Some(fragment) = document.fragments.get(*spread)
                        {
                            stack.push((*spread, &fragment.node.selection_set.node));
                        }
                    }
                    weighed.insert(name, Weighing::Open(own));
                }
                Some(Weighing::Open(own)) => {
                    let total = own.total(&weighed);
                    weighed.insert(name, Weighing::Settled(total));
                    stack.pop();
                }
                Some(Weighing::Settled(_)) => {
                    stack.pop();
                }
            }
        }
    }

    let operations = document.operations.iter().fold(Weight::default(), |sum, (_, operation)| {
        sum.and(own_weight(&operation.node.selection_set.node).total(&weighed), Place::default())
    });
    // A fragment that no operation spreads is an error, but validation looks into it to find that out.
    let fragments = weighed.values().filter_map(|weighing| match weighing {
        Weighing::Settled(weight) => Some(*weight),
        Weighing::Open(_) => None,
    });
    for weight in std::iter::once(operations).chain(fragments) {
        at_most(limits.nesting, weight.nesting, "nesting")?;
        at_most(limits.depth, weight.depth, "depth")?;
        at_most(limits.introspection_lists, weight.introspection_lists, "introspection_lists")?;
        at_most(limits.aliases, weight.aliases, "aliases")?;
        at_most(limits.selections, weight.selections, "selections")?;
    }
    Ok(())
}

/// What a selection set costs with its fragments written out.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    nesting: usize,
    depth: usize,
    introspection_lists: usize,
    aliases: usize,
    selections: usize,
}

/// The lists of introspection that lead from one type to others. No other type has fields of these names.
const INTROSPECTION_LISTS: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

impl Weight {
    /// This weight and another one that hangs at some place inside.
    fn and(self, other: Self, place: Place) -> Self {
        Self {
            nesting: self.nesting.max(place.selection_sets.saturating_add(other.nesting)),
            depth: self.depth.max(place.fields.saturating_add(other.depth)),
            introspection_lists: self
                .introspection_lists
                .max(place.introspection_lists.saturating_add(other.introspection_lists)),
            aliases: self.aliases.saturating_add(other.aliases),
            selections: self.selections.saturating_add(other.selections),
        }
    }
}

/// What surrounds something inside a selection set.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    selection_sets: usize,
    fields: usize,
    introspection_lists: usize,
}

/// What a selection set costs by itself, and which fragments it spreads where.
struct OwnWeight<'a> {
    weight: Weight,
    spreads: Vec<(&'a str, Place)>,
}

impl OwnWeight<'_> {
    fn total(&self, weighed: &HashMap<&str, Weighing<'_>>) -> Weight {
        self.spreads.iter().fold(self.weight, |sum, (name, place)| match weighed.get(name) {
            Some(Weighing::Settled(weight)) => sum.and(*weight, *place),
            // Unknown, or spread within itself.
            Some(Weighing::Open(_)) | None => sum,
        })
    }
}

enum Weighing<'a> {
    Open(OwnWeight<'a>),
    Settled(Weight),
}

fn own_weight(selection_set: &SelectionSet) -> OwnWeight<'_> {
    let mut own = OwnWeight { weight: Weight::default(), spreads: Vec::new() };
    let mut stack = vec![(selection_set, Place::default())];
    while let Some((selection_set, outside)) = stack.pop() {
        // A field without sub-fields has an empty selection set, which is not there in the source.
        if selection_set.items.is_empty() {
            continue;
        }
        let here = Place { selection_sets: outside.selection_sets + 1, ..outside };
        own.weight.nesting = own.weight.nesting.max(here.selection_sets);
        own.weight.selections += selection_set.items.len();
        for selection in &selection_set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let is_list = INTROSPECTION_LISTS.contains(&field.node.name.node.as_str());
                    let introspection_lists = here.introspection_lists + usize::from(is_list);
                    let below = Place { fields: here.fields + 1, introspection_lists, ..here };
                    own.weight.depth = own.weight.depth.max(below.fields);
                    own.weight.introspection_lists = own.weight.introspection_lists.max(introspection_lists);
                    own.weight.aliases += usize::from(field.node.alias.is_some());
                    stack.push((&field.node.selection_set.node, below));
                }
                Selection::InlineFragment(fragment) => stack.push((&fragment.node.selection_set.node, here)),
                Selection::FragmentSpread(spread) => own.spreads.push((&spread.node.fragment_name.node, here)),
            }
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::{super::scan, *};

    fn checked(source: &str) -> Result<(), &'static str> {
        let limits = Limits::default();
        scan(source, &limits).expect("passes the scan");
        check(&parse_query(source).expect("parses"), &limits).map_err(|exceeded| exceeded.limit)
    }

    /// A chain of fragments, each of which spreads the next one twice.
    fn doubling(levels: usize) -> String {
        let mut source = String::from("{ ...F0 }");
        for level in 0..levels {
            source += &format!(" fragment F{level} on Query {{ ...F{0} ...F{0} }}", level + 1);
        }
        source + &format!(" fragment F{levels} on Query {{ leaf }}")
    }

    #[test]
    fn hostile_documents_fail_the_check() {
        assert_eq!(checked(&doubling(30)), Err("selections"));
        assert_eq!(checked(&doubling(29).replacen("...F0", "leaf", 1)), Err("selections"), "although never spread");
        assert_eq!(checked(&doubling(300)), Err("nesting"));
        let aliases: String = (0..101).map(|n| format!("a{n}:f ")).collect();
        assert_eq!(checked(&format!("{{ {aliases} }}")), Err("aliases"));
        assert_eq!(checked(&format!("{}{}", "{a".repeat(16), "}".repeat(16))), Err("depth"));
    }

    #[test]
    fn lists_of_introspection_are_nested_only_so_deep() {
        let possible = |lists: &str| format!("{{ __type(name: \"Node\") {{ possibleTypes {{ {lists} }} }} }}");
        assert_eq!(checked(&possible("interfaces { name }")), Ok(()));
        assert_eq!(checked(&possible("interfaces { fields { name } }")), Err("introspection_lists"));
        assert_eq!(
            checked(&possible("a: interfaces { ofType { b: inputFields { name } } }")),
            Err("introspection_lists")
        );
        let fragment =
            possible("...T") + " fragment T on __Type { interfaces { ...F } } fragment F on __Type { fields { name } }";
        assert_eq!(checked(&fragment), Err("introspection_lists"));
    }

    #[test]
    fn fragments_count_wherever_they_are_spread() {
        let limits = Limits { aliases: 4, depth: 3, selections: 9, ..Limits::default() };
        let check = |source: &str| check(&parse_query(source).expect("parses"), &limits).map_err(|e| e.limit);
        assert_eq!(check("{ a { ...F } b { ...F } } fragment F on T { x: y { z } w: v }"), Err("selections"));
        assert_eq!(check("{ a { ...F } ...F } fragment F on T { x: y w: v }"), Ok(()));
        assert_eq!(check("{ k: a { ...F } ...F } fragment F on T { x: y w: v }"), Err("aliases"));
        assert_eq!(check("{ a { b { ...F } } } fragment F on T { ... on T { c { d } } }"), Err("depth"));
        assert_eq!(check("query A { a { b } c } query B { a { b } c } query C { a { b } c d }"), Err("selections"));
    }

    #[test]
    fn nesting_goes_through_fragments() {
        let limits = Limits { nesting: 4, ..Limits::default() };
        let check = |source: &str| check(&parse_query(source).expect("parses"), &limits).map_err(|e| e.limit);
        assert_eq!(check("{ a { ...F } } fragment F on T { b { c } }"), Ok(()));
        assert_eq!(check("{ a { ...F } } fragment F on T { b { ... { c } } }"), Err("nesting"));
        assert_eq!(check("{ a } fragment F on T { ...G } fragment G on T { b { c { d { e } } } }"), Err("nesting"));
        assert_eq!(check("{ a } fragment F on T { b { ...F } } fragment G on T { ...F ...G }"), Ok(()));
    }

    #[test]
    fn fragments_that_spread_each_other_are_left_to_validation() {
        assert_eq!(checked("{ ...A } fragment A on Q { a ...B } fragment B on Q { b ...A ...B }"), Ok(()));
        assert_eq!(checked("{ ...Missing }"), Ok(()));
    }
}
