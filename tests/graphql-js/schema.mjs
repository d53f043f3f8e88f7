// Almanac's schema, as graphql-js reads it, with the scalars that have a form of their own.

import { readFileSync } from "node:fs";
import { buildSchema, GraphQLError, Kind, valueFromASTUntyped } from "graphql";

const text = (is, what) => (value) => {
    if (typeof value !== "string" || !is(value)) throw new GraphQLError(`not ${what}`);
    return value;
};
const whole = (least, most) => (value) => {
    if (!Number.isInteger(value) || value < least || value > most) throw new GraphQLError("not a whole number in range");
    return value;
};
const isLanguageTag = (value) => {
    try {
        return value.length <= 35 && Intl.getCanonicalLocales(value).length === 1;
    } catch {
        return false;
    }
};
const isDay = (value) => /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value));
const local = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?( ?([Zz]|[+-]\d{2}(:?\d{2})?))?$/;
const isLocal = (value) => local.test(value) && isDay(value.slice(0, 10));
const hasOffset = (value) => /([Zz]|[+-]\d{2}(:?\d{2})?)$/.test(value.slice(11));

const SCALARS = {
    CategoryCode: text((value) => /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(value), "a code"),
    CountryCode: text((value) => /^[A-Z]{2}$/.test(value), "a code"),
    Date: text(isDay, "a day"),
    DateTime: text((value) => isLocal(value) && hasOffset(value), "a moment"),
    LocalDateTime: text(isLocal, "a local time"),
    Locale: text(isLanguageTag, "a language tag"),
    Markdown: text(() => true, "a text"),
    Slug: text((value) => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(value), "a slug"),
    Version: whole(0, 2 ** 31 - 1),
    Year: whole(1900, 2200),
};

export function read(path) {
    const schema = buildSchema(readFileSync(path, "utf8"));
    for (const [name, parse] of Object.entries(SCALARS)) {
        const type = schema.getType(name);
        if (!type) continue;
        type.parseValue = parse;
        type.coerceInputValue = parse;
        type.parseLiteral = (node, variables) => {
            if (node.kind === Kind.ENUM) throw new GraphQLError("an enum value");
            return parse(valueFromASTUntyped(node, variables));
        };
        type.coerceInputLiteral = undefined;
    }
    return schema;
}
