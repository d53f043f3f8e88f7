// The differences between Almanac and graphql-js that have a reason. Each is told in docs/graphql-conformance.md.

/// `what.kind` is `validity`, `status`, `data` or `errors`; `theirs` and `ours` say what each made of it.
const REASONS = [
    {
        because: "the same string in quotation marks and as a block is one value here, and a conflict there",
        is: ({ query }, { kind, theirs, ours }) =>
            kind === "validity" && ours === "valid" && /^validate: Fields .* differing arguments/.test(theirs) && query.includes('"""'),
    },
    {
        because: "a selection of nothing is allowed by a later draft of the grammar only",
        is: (_, { kind, theirs, ours }) =>
            kind === "validity" && theirs === "valid" && ours === "GRAPHQL_PARSE_FAILED: A selection of fields is empty.",
    },
    {
        because: "a scalar that breaks only its rules is an error in the payload of a mutation",
        is: ({ query }, { kind, theirs, ours }) =>
            kind === "validity" && ours === "valid" && /\bmutation\b/.test(query) && / not (an?|in) .*$| not a whole number in range$/.test(theirs),
    },
    {
        because: "a variable in a @oneOf input object must be of a non-null type here, as the specification says",
        is: (_, { kind, theirs, ours }) =>
            kind === "validity" && theirs === "valid" && /variable `\$\w+` of type `[^`]*[^!`]` cannot be used for argument `\w+` of type `\w+!`$/.test(ours),
    },
    {
        because: "null where a default stands for what is left out is refused before anything runs here, and while it runs there",
        is: ({ variables }, { kind, theirs, ours }) => {
            const [, name] = String(ours).match(/^BAD_USER_INPUT: \$(\w+): is required$/) ?? [];
            return kind === "validity" && theirs === "valid" && name !== undefined && variables?.[name] === null;
        },
    },
    {
        because: "graphql-js takes __typename for a field without a type when it compares two fields of one name",
        is: ({ query }, { kind, theirs, ours }) => {
            const [, name] = String(ours).match(/must not select different types using the same name `(\w+)`$/) ?? [];
            return kind === "validity" && theirs === "valid" && name !== undefined && new RegExp(`\\b${name}[\\s,]*:[\\s,]*__typename\\b`).test(query);
        },
    },
];

export function reasonFor(operation, what) {
    return REASONS.find(({ is }) => is(operation, what))?.because;
}
