// Operations over a schema, from a seed: valid ones in all the ways that they can be written, and ones with a mistake.

import {
    GraphQLBoolean, getNamedType, getNullableType, isAbstractType, isCompositeType, isEnumType, isInputObjectType, isLeafType, isListType,
    isNonNullType, isObjectType, isRequiredArgument, isRequiredInputField,
} from "graphql";

/// Random numbers from a seed (mulberry32).
export class Random {
    constructor(seed) {
        this.state = seed >>> 0;
    }
    next() {
        this.state = (this.state + 0x6d2b79f5) >>> 0;
        let t = this.state;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    }
    below(most) {
        return Math.floor(this.next() * most);
    }
    chance(share) {
        return this.next() < share;
    }
    of(list) {
        return list[this.below(list.length)];
    }
}

/// Mutations that anybody may send, and a field that tells the time: they answer differently each time.
const NOT_ASKED = ["signIn", "refreshSession", "passwordSet", "signOut", "until"];
/// What everybody may read: asked for more often than the rest, since there is something in it to compare.
const PUBLIC = [
    "site", "locales", "page", "pages", "staff", "countries", "categories", "factSheet", "visitCounts", "node", "nodes", "vintages",
    "figureHistory", "observationStatuses",
];
/// A value in a variable that is written as a whole number with a fraction: JSON.stringify has no word for it.
const FRACTION = "@fraction:";

export class Generator {
    /// `pool`: values that mean something to the server, by the name of their scalar.
    constructor(schema, seed, pool) {
        this.schema = schema;
        this.random = new Random(seed);
        this.pool = pool;
    }

    /// One operation: its text, and the text of its variables as JSON.
    operation() {
        const { random } = this;
        this.variables = new Map();
        this.fragments = [];
        const mutates = random.chance(0.08);
        this.isQuery = !mutates;
        const root = mutates ? this.schema.getMutationType() : this.schema.getQueryType();
        this.budget = 12 + random.below(40);
        const set = this.selections(root, 0, mutates ? 1 : 1 + random.below(4));
        let head = "";
        if (mutates || this.variables.size > 0 || random.chance(0.5)) {
            const declared = [...this.variables].map(([name, { type, initial }]) => {
                const fallback = initial === undefined ? "" : `${this.gap()}=${this.gap()}${initial}`;
                return `$${name}:${this.gap()}${type}${fallback}`;
            });
            const list = declared.length > 0 ? `(${declared.join(random.of([", ", " ", ",\n  "]))})` : "";
            const about = random.chance(0.05) ? random.of(['"What it is for." ', '"""\nWhat it is for.\n"""\n']) : "";
            head = `${about}${mutates ? "mutation" : "query"}${random.chance(0.5) ? " Q" : ""}${list} `;
        }
        let query = head + set;
        for (const { name, on, body } of this.fragments) {
            const written = `fragment ${name} on ${on} ${body}`;
            query = random.chance(0.5) ? `${query}\n${written}` : `${written}\n${query}`;
        }
        if (random.chance(0.05)) query = `# ${random.of(["a comment", "{ ( [", "日本語"])}\n${query}`;
        if (random.chance(0.02)) query = `\u{feff}${query}`;
        const variables = {};
        for (const [name, { value }] of this.variables) if (value !== undefined) variables[name] = value;
        return { query, variables };
    }

    gap() {
        return this.random.of(["", " ", " ", "\n"]);
    }

    /// A selection set of a type, in braces.
    selections(type, depth, count) {
        const { random } = this;
        const written = [];
        for (let n = 0; n < count && this.budget > 0; n++) written.push(this.selection(type, depth));
        if (written.length === 0) written.push(isObjectType(type) || isAbstractType(type) ? "__typename" : "");
        // Now and then the same again, which merges.
        if (random.chance(0.1)) written.push(random.of(written));
        return `{ ${written.join(random.of([" ", ", ", "\n  "]))} }`;
    }

    selection(type, depth) {
        const { random } = this;
        const roll = random.next();
        if (roll < 0.1 && depth < 6) {
            const on = this.fits(type);
            const condition = random.chance(0.2) && on === type ? "" : ` on ${on.name}`;
            return `...${condition}${this.directives()} ${this.selections(on, depth, 1 + random.below(3))}`;
        }
        if (roll < 0.18 && depth < 6 && this.fragments.length < 6) {
            const on = this.fits(type);
            const known = this.fragments.filter((fragment) => fragment.on === on.name && fragment.body);
            if (known.length > 0 && random.chance(0.5)) return `...${random.of(known).name}${this.directives()}`;
            const fragment = { name: `F${this.fragments.length}`, on: on.name, body: "" };
            this.fragments.push(fragment);
            fragment.body = this.selections(on, depth, 1 + random.below(3));
            return `...${fragment.name}${this.directives()}`;
        }
        return this.field(type, depth);
    }

    /// A type whose objects may be of this type.
    fits(type) {
        if (isAbstractType(type) && this.random.chance(0.7)) return this.random.of(this.schema.getPossibleTypes(type));
        if (isObjectType(type) && type.getInterfaces().length > 0 && this.random.chance(0.2)) {
            return this.random.of(type.getInterfaces());
        }
        return type;
    }

    field(type, depth) {
        const { random } = this;
        this.budget--;
        const fields = Object.values(type.getFields?.() ?? {}).filter(({ name }) => !NOT_ASKED.includes(name));
        const usable = depth < 5 ? fields : fields.filter((field) => isLeafType(getNamedType(field.type)));
        if (usable.length === 0 || random.chance(0.06)) return `${random.chance(0.2) ? "kind: " : ""}__typename`;
        const known = depth === 0 && this.isQuery && random.chance(0.8) ? usable.filter(({ name }) => PUBLIC.includes(name)) : usable;
        const field = random.of(known.length > 0 ? known : usable);
        const alias = random.chance(0.2) ? `${random.of(["a", "b", "c", field.name])}: ` : "";
        const inner = getNamedType(field.type);
        const below = isCompositeType(inner) ? ` ${this.selections(inner, depth + 1, 1 + random.below(4))}` : "";
        return `${alias}${field.name}${this.arguments(field.args)}${this.directives()}${below}`;
    }

    directives() {
        const { random } = this;
        if (random.chance(0.93)) return "";
        const value = random.chance(0.5)
            ? random.of(["true", "false"])
            : random.chance(0.2)
            ? this.nullable(GraphQLBoolean)
            : this.variable("Boolean!", () => random.chance(0.5));
        return ` @${random.of(["skip", "include"])}(if: ${value})`;
    }

    arguments(args) {
        const { random } = this;
        const chosen = args.filter((arg) => isRequiredArgument(arg) || random.chance(0.35));
        if (chosen.length === 0) return "";
        if (random.chance(0.3)) chosen.reverse();
        return `(${chosen.map((arg) => `${arg.name}:${this.gap()}${this.argument(arg)}`).join(", ")})`;
    }

    argument(arg) {
        const { random } = this;
        if (random.chance(0.35)) {
            if (this.makesUpForNothing(arg)) return this.nullable(arg.type.ofType);
            const type = isNonNullType(arg.type) || random.chance(0.7) ? arg.type : `${arg.type}!`;
            return this.variable(String(type), () => this.value(arg.type), arg.type);
        }
        return this.literal(arg.type);
    }

    /// Whether a variable of a nullable type is to stand here: a default makes up for what is left out, not for null.
    makesUpForNothing(place) {
        return isNonNullType(place.type) && place.default !== undefined && this.random.chance(0.5);
    }

    nullable(type) {
        return this.variable(String(type), () => (this.random.chance(0.3) ? null : this.value(type)), type);
    }

    /// Declares a variable, and tells how it is used.
    variable(type, value, inner) {
        const { random } = this;
        const same = [...this.variables].filter(([, known]) => known.type === type);
        if (same.length > 0 && random.chance(0.5)) return `$${random.of(same)[0]}`;
        const name = `v${this.variables.size}`;
        const initial = inner && random.chance(0.15) ? this.literal(inner, true) : undefined;
        const mayMiss = initial !== undefined || !type.endsWith("!");
        const sent = mayMiss && random.chance(0.3) ? undefined : value();
        // A default of null, or null itself, must fit.
        const usable = sent === null && type.endsWith("!") ? value() ?? 1 : sent;
        this.variables.set(name, { type, value: usable, initial: initial === "null" && type.endsWith("!") ? undefined : initial });
        return `$${name}`;
    }

    /// A value as JSON.
    value(type) {
        const { random } = this;
        if (!isNonNullType(type) && random.chance(0.1)) return null;
        const nullable = getNullableType(type);
        if (isListType(nullable)) {
            if (random.chance(0.15)) return this.value(nullable.ofType);
            return Array.from({ length: random.below(4) }, () => this.value(nullable.ofType));
        }
        if (isInputObjectType(nullable)) {
            const value = {};
            for (const field of this.inputFields(nullable)) value[field.name] = this.value(nullable.isOneOf ? getNullableType(field.type) : field.type);
            if (nullable.isOneOf) for (const key of Object.keys(value)) value[key] ??= "x";
            return value;
        }
        if (isEnumType(nullable)) return random.of(nullable.getValues()).name;
        const value = this.scalar(nullable.name);
        return typeof value === "number" && Number.isInteger(value) && random.chance(0.15) ? `${FRACTION}${value}` : value;
    }

    inputFields(type) {
        const fields = Object.values(type.getFields());
        if (type.isOneOf) return [this.random.of(fields)];
        return fields.filter((field) => isRequiredInputField(field) || this.random.chance(0.4));
    }

    scalar(name) {
        const { random } = this;
        switch (name) {
            case "Int":
                return random.of([1, 2, 3, 10, 100, 0, -1, 2147483647]);
            case "Float":
                return random.of([0, 1, 1.5, -2e3]);
            case "Boolean":
                return random.chance(0.5);
            case "Year":
                return 2014 + random.below(12);
            case "Version":
                return random.below(4);
            case "ID":
                return random.of(this.pool.ID);
            case "JSON":
                return {};
            default:
                return random.of(this.pool[name] ?? ["a text", "日本", "", "with \"quotes\" and \\", "two\nlines"]);
        }
    }

    /// A value as it is written in a document.
    literal(type, isConstant = false) {
        const { random } = this;
        if (!isNonNullType(type) && random.chance(0.07)) return "null";
        const nullable = getNullableType(type);
        if (isListType(nullable)) {
            if (random.chance(0.15)) return this.literal(nullable.ofType, isConstant);
            const items = Array.from({ length: random.below(4) }, () => {
                if (!isConstant && random.chance(0.15)) {
                    return this.variable(String(nullable.ofType), () => this.value(nullable.ofType));
                }
                return this.literal(nullable.ofType, isConstant);
            });
            return `[${items.join(random.of([", ", " ", ","]))}]`;
        }
        if (isInputObjectType(nullable)) {
            const members = this.inputFields(nullable).map((field) => {
                const inner = nullable.isOneOf ? `${getNullableType(field.type)}!` : String(field.type);
                const fromVariable = !isConstant && random.chance(0.15);
                const value = fromVariable && this.makesUpForNothing(field)
                    ? this.nullable(field.type.ofType)
                    : fromVariable
                    ? this.variable(inner, () => this.value(field.type) ?? "x")
                    : this.literal(field.type, isConstant);
                return `${field.name}:${this.gap()}${nullable.isOneOf && value === "null" ? '"x"' : value}`;
            });
            return `{${members.join(", ")}}`;
        }
        if (isEnumType(nullable)) return random.of(nullable.getValues()).name;
        const value = this.scalar(nullable.name);
        return typeof value === "string" ? this.string(value) : JSON.stringify(value);
    }

    /// A string in one of the ways that it can be written.
    string(value) {
        const { random } = this;
        if (random.chance(0.1) && !/["\\\n]/.test(value) && value.trim() === value) return `"""${value}"""`;
        const quoted = JSON.stringify(value);
        if (random.chance(0.1)) {
            return quoted.replace(/[a-z]/, (letter) => {
                const code = letter.codePointAt(0).toString(16);
                return random.chance(0.5) ? `\\u00${code}` : `\\u{${code}}`;
            });
        }
        return quoted;
    }
}

/// The text of variables as JSON.
export function written(variables) {
    return JSON.stringify(variables).replaceAll(/"@fraction:(-?\d+)"/g, "$1.0");
}

/// The variables as a client in JavaScript has them.
export function plain(variables) {
    return JSON.parse(written(variables));
}

const TOKEN = /"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|\.\.\.|[A-Za-z_][A-Za-z0-9_]*|-?\d+(?:\.\d+)?|\s+|./gsu;

/// The same operation with a mistake, as often as not.
export function mutate(operation, schema, random) {
    let { query, variables } = operation;
    const names = Object.keys(schema.getTypeMap());
    for (let round = 1 + random.below(2); round > 0; round--) {
        const tokens = query.match(TOKEN) ?? [];
        const at = random.below(tokens.length || 1);
        const isName = (token) => /^[A-Za-z_]/.test(token);
        switch (random.below(11)) {
            case 0:
                tokens.splice(at, 1);
                break;
            case 1:
                tokens.splice(at, 0, tokens[at]);
                break;
            case 2:
                [tokens[at], tokens[at + 1]] = [tokens[at + 1] ?? "", tokens[at]];
                break;
            case 3: {
                const places = tokens.flatMap((token, place) => (isName(token) ? [place] : []));
                if (places.length > 1) tokens[random.of(places)] = tokens[random.of(places)];
                break;
            }
            case 4: {
                const places = tokens.flatMap((token, place) => (isName(token) ? [place] : []));
                if (places.length > 0) tokens[random.of(places)] = random.of(["nope", "Int", "Slug", "__typename", "null", "on", random.of(names)]);
                break;
            }
            case 5: {
                const places = tokens.flatMap((token, place) => (/^["\d-]|^(true|false|null)$/.test(token) ? [place] : []));
                if (places.length > 0) {
                    tokens[random.of(places)] = random.of(["1", "1.0", "-0", "99999999999", "\"x\"", "true", "null", "X", "[1]", "[]", "{}", "{a: 1}", "$v0", "\"\"\"x\"\"\"", "\"\\uD83D\"", "\"\\u{1F600}\"", "1e3"]);
                }
                break;
            }
            case 6:
                tokens.splice(at, 0, random.of(["!", "(", ")", "{", "}", "[", "]", ":", "=", "@", "$", "...", "|", "&", "a", "\"a\"", "#", ",", "@skip(if: true)", "@deprecated", "{}", "()"]));
                break;
            case 7: {
                const place = tokens.findIndex((token, place) => token === ":" && tokens[place - 2] === "$");
                if (place >= 0) tokens.splice(place + 1, 1, ` ${random.of(["[Int]", "String", "Int!", "[String!]!", "Slug", "Page", "Nope", "PageFilter"])}`);
                break;
            }
            case 8: {
                const places = tokens.flatMap((token, place) => (token === "}" ? [place] : []));
                if (places.length > 0) tokens.splice(random.of(places), 0, random.of([" x: __typename ", " nope ", " ... on Page { slug } ", " ...F0 ", " id: __typename ", " a: __typename "]));
                break;
            }
            case 9: {
                const keys = Object.keys(variables);
                if (keys.length > 0) {
                    const value = random.of([null, 1, 1.5, "x", true, [], [1], {}, { a: 1 }, "2026-04-31", 3e9, undefined, "X Y"]);
                    variables = { ...variables, [random.of(keys)]: value };
                }
                break;
            }
            default:
                tokens.push(random.of([" fragment F9 on Query { __typename }", " query Z { __typename }", " { __typename }", " fragment F0 on Page { slug }", " type T { a: Int }", " subscription S { a }"]));
        }
        query = tokens.join("");
    }
    return { query, variables };
}
