//! Connections after the Relay specification, forward, over sorted items in memory. A cursor names the place after an
//! item by the item's sort key, so that items that come and go elsewhere neither repeat nor hide one.

use std::{borrow::Cow, ops::Bound, sync::Arc};

use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, SimpleObject, Value,
    connection::{Connection, CursorType, Edge, EmptyFields},
    parser::types::Field,
    registry::{MetaType, Registry},
};
use entities::Rule;
use imbl::OrdMap;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Faults,
    direct::{Member, Output, Shape},
    plan::Plan,
    writer::Writer,
};
use crate::{access::key::KeyRing, delivery::cursor, error::Result};

/// How many items a page has when `first` is left out.
pub const DEFAULT_FIRST: i32 = 20;
/// The most items of a page.
pub const MAX_FIRST: i32 = 100;

/// What a connection tells beside its items.
#[derive(SimpleObject)]
pub struct Total {
    /// How many items the whole list has.
    total_count: usize,
}

/// The description of every connection.
const CONNECTION: &str = "A page of a list, after the Relay specification: items, and where the list goes on.";
/// The description of the type `ID`.
const GLOBAL_ID: &str = "A global id: opaque, and the same for as long as what it names exists.";

/// A connection as a resolver returns it: with a description of its type, which the engine leaves out.
pub struct Described<C>(pub C);

impl<C: OutputType> OutputType for Described<C> {
    fn type_name() -> Cow<'static, str> {
        C::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let reference = C::create_type_info(registry);
        if let Some(MetaType::Object { description, .. }) = registry.types.get_mut(&*C::type_name()) {
            *description = Some(CONNECTION.to_owned());
        }
        // By now there is something with an id in it; the engine does not describe this type either.
        if let Some(MetaType::Scalar { description: description @ None, .. }) = registry.types.get_mut("ID") {
            *description = Some(GLOBAL_ID.to_owned());
        }
        reference
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        self.0.resolve(ctx, field).await
    }
}

/// A page of a list.
pub type PageOf<T> = Connection<Cursor, T, Total>;

/// The place after an item, which is authenticated only when it is asked for.
pub struct Cursor(Box<dyn Fn() -> String + Send + Sync>);

impl Cursor {
    fn new<K: Serialize + Send + Sync + 'static>(keys: Arc<KeyRing>, list: Arc<str>, key: K) -> Self {
        Self(Box::new(move || cursor::encode(&keys, &list, &key)))
    }
}

impl CursorType for Cursor {
    type Error = std::convert::Infallible;

    fn decode_cursor(text: &str) -> Result<Self, Self::Error> {
        let text = text.to_owned();
        Ok(Self(Box::new(move || text.clone())))
    }

    fn encode_cursor(&self) -> String {
        (self.0)()
    }
}

/// What a list that is written without the engine is made of.
pub trait Listed: Output + OutputType {
    /// The name of the type of its connections.
    const CONNECTION: &'static str;
    /// The name of the type of its edges.
    const EDGE: &'static str;
}

/// `PageInfo` of the Relay specification.
const PAGE_INFO: Shape = Shape {
    name: "PageInfo",
    member: |name| {
        let fields = ["hasPreviousPage", "hasNextPage", "startCursor", "endCursor"];
        fields.iter().zip(0..).find(|(field, _)| **field == name).map(|(_, number)| Member { number, shape: None })
    },
};

impl<T: Listed> Output for PageOf<T> {
    const SHAPE: Option<Shape> = Some(Shape {
        name: T::CONNECTION,
        member: |name| {
            let edge = Shape {
                name: T::EDGE,
                member: |name| match name {
                    "node" => Some(Member { number: 0, shape: T::SHAPE }),
                    "cursor" => Some(Member { number: 1, shape: None }),
                    _ => None,
                },
            };
            let (number, shape) = match name {
                "pageInfo" => (0, Some(PAGE_INFO)),
                "edges" => (1, Some(edge)),
                "nodes" => (2, T::SHAPE),
                "totalCount" => (3, None),
                _ => return None,
            };
            Some(Member { number, shape })
        },
    });

    fn write(&self, plan: &Plan, out: &mut Writer) {
        out.object(T::CONNECTION, plan, |number, plan, out| match number {
            0 => out.object(PAGE_INFO.name, plan, |number, plan, out| match number {
                0 => self.has_previous_page.write(plan, out),
                1 => self.has_next_page.write(plan, out),
                2 => self.edges.first().map(|edge| edge.cursor.encode_cursor()).write(plan, out),
                _ => self.edges.last().map(|edge| edge.cursor.encode_cursor()).write(plan, out),
            }),
            1 => out.list(self.edges.iter().map(WrittenEdge), plan),
            2 => out.list(self.edges.iter().map(|edge| &edge.node), plan),
            _ => self.additional_fields.total_count.write(plan, out),
        });
    }
}

/// An edge on its way out.
struct WrittenEdge<'a, T: OutputType>(&'a Edge<Cursor, T, EmptyFields>);

impl<T: Listed> Output for WrittenEdge<'_, T> {
    fn write(&self, plan: &Plan, out: &mut Writer) {
        out.object(T::EDGE, plan, |number, plan, out| match number {
            0 => self.0.node.write(plan, out),
            _ => self.0.cursor.encode_cursor().write(plan, out),
        });
    }
}

/// The arguments of a connection.
pub struct Paging {
    /// How many items.
    pub first: Option<i32>,
    /// The cursor after which to start.
    pub after: Option<String>,
}

/// How many items, from 0 to 100; or a fault.
pub fn page_size(first: Option<i32>, faults: &mut Faults) -> usize {
    let first = first.unwrap_or(DEFAULT_FIRST);
    if !(0..=MAX_FIRST).contains(&first) {
        faults.push(&["first"], Rule::OutOfRange { min: 0, max: i64::from(MAX_FIRST) });
    }
    usize::try_from(first).unwrap_or_default()
}

impl Paging {
    /// How many items, and the place after which to start; or faults. `list` names the list with its order, filter and
    /// locale.
    pub fn read<K: DeserializeOwned>(self, faults: &mut Faults, keys: &KeyRing, list: &str) -> (usize, Option<K>) {
        let first = page_size(self.first, faults);
        let after = self.after.map(|after| cursor::decode::<K>(keys, list, &after)).transpose();
        let after = after.unwrap_or_else(|rule| {
            faults.push(&["after"], rule);
            None
        });
        (first, after)
    }
}

/// Cuts a page out of an index. `list` names the list with its order, filter and locale; an item that there is no `node`
/// for is left out.
///
/// # Errors
/// `Error::Invalid` when `first` is out of range, or `after` is not a cursor of this list.
pub fn paginate<K, V, T>(
    keys: Arc<KeyRing>,
    list: String,
    paging: Paging,
    index: &OrdMap<K, V>,
    descending: bool,
    node: impl Fn(&V) -> Option<T>,
) -> Result<PageOf<T>>
where
    K: Ord + Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    V: Clone,
    T: OutputType,
{
    let mut faults = Faults::default();
    let (first, after) = paging.read::<K>(&mut faults, &keys, &list);
    faults.into_result()?;
    let (from, to) = match (&after, descending) {
        (None, _) => (Bound::Unbounded, Bound::Unbounded),
        (Some(after), false) => (Bound::Excluded(after), Bound::Unbounded),
        (Some(after), true) => (Bound::Unbounded, Bound::Excluded(after)),
    };
    let rest = index.range::<_, K>((from, to));
    let mut rest: Box<dyn Iterator<Item = (&K, &V)>> = if descending { Box::new(rest.rev()) } else { Box::new(rest) };
    let items: Vec<(&K, &V)> = rest.by_ref().take(first).collect();
    let is_before = |edge: Option<(&K, &V)>, after: &K| {
        edge.is_some_and(|(edge, _)| if descending { edge >= after } else { edge <= after })
    };
    let start = if descending { index.get_max() } else { index.get_min() };
    let has_previous = after.is_some_and(|after| is_before(start.map(|(key, value)| (key, value)), &after));
    let mut connection =
        Connection::with_additional_fields(has_previous, rest.next().is_some(), Total { total_count: index.len() });
    let list: Arc<str> = list.into();
    connection.edges.extend(items.into_iter().filter_map(|(key, value)| {
        let cursor = Cursor::new(Arc::clone(&keys), Arc::clone(&list), key.clone());
        Some(Edge::new(cursor, node(value)?))
    }));
    Ok(connection)
}
