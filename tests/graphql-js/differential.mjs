// Holds a running Almanac against graphql-js: which operations are valid, and what they answer.
//
//   node differential.mjs --url http://127.0.0.1:8080/graphql --schema ../../api/schema.graphql --count 2000 --seed 1
//
// Ends with status 1 when there is a difference that has no reason in `reasons.mjs`.

import { parseArgs } from "node:util";
import { execute, getVariableValues, parse, validate } from "graphql";
import { Generator, mutate, plain, Random, written } from "./generate.mjs";
import { Oracle } from "./oracle.mjs";
import { reasonFor } from "./reasons.mjs";
import { read } from "./schema.mjs";

const { values: options } = parseArgs({
    options: {
        url: { type: "string" },
        schema: { type: "string" },
        count: { type: "string", default: "2000" },
        seed: { type: "string", default: "1" },
        at: { type: "string", default: "8" },
        only: { type: "string" },
    },
});
const schema = read(options.schema);
const [count, seed] = [Number(options.count), Number(options.seed)];

async function ask({ query, variables }) {
    const body = `{"query":${JSON.stringify(query)}${variables ? `,"variables":${written(variables)}` : ""}}`;
    const response = await fetch(options.url, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/graphql-response+json" },
        body,
    });
    return { status: response.status, body: await response.json() };
}

/// Values that mean something to this server.
async function pool() {
    const { body } = await ask({
        query: `{ pages(first: 20) { nodes { id slug } } countries { id code } categories { id code }
            staff { id } locales { code } vintages { at } }`.replace("vintages { at }", ""),
    });
    if (!body.data) throw new Error(`the server has no content: ${JSON.stringify(body)}`);
    const { pages, countries, categories, staff, locales } = body.data;
    const ids = [...pages.nodes, ...countries.slice(0, 5), ...categories, ...staff.slice(0, 5)].map((node) => node.id);
    return {
        ID: [...ids, "x", "42"],
        Slug: [...pages.nodes.map((page) => page.slug), "nowhere"],
        CountryCode: [...countries.slice(0, 8).map((country) => country.code), "ZZ"],
        CategoryCode: [...categories.map((category) => category.code), "NONE"],
        Locale: [...locales.map((locale) => locale.code), "fr", "zh-Hant"],
        DateTime: ["2026-04-01T09:00:00Z", "2020-01-01T00:00:00+09:00", "2020-01-01 00:00Z"],
        Date: ["2026-04-01"],
        LocalDateTime: ["2026-04-01T09:00:00", "2026-04-01 09:00+09:00"],
    };
}

/// What graphql-js says of an operation: valid, or why not.
function verdict({ query, variables }) {
    let document;
    try {
        document = parse(query);
    } catch (error) {
        return { valid: false, phase: "parse", why: error.message };
    }
    const errors = validate(schema, document);
    if (errors.length > 0) return { valid: false, phase: "validate", why: errors[0].message };
    const operations = document.definitions.filter((definition) => definition.kind === "OperationDefinition");
    if (operations.length !== 1) return { valid: false, phase: "select", why: "not one operation" };
    const coerced = getVariableValues(schema, operations[0].variableDefinitions ?? [], plain(variables));
    if (coerced.errors) return { valid: false, phase: "coerce", why: coerced.errors[0].message };
    return { valid: true, document, kind: operations[0].operation };
}

const PHASES = { GRAPHQL_PARSE_FAILED: "parse", GRAPHQL_VALIDATION_FAILED: "validate", OPERATION_RESOLUTION_FAILURE: "select", BAD_USER_INPUT: "coerce" };
const found = { valid: 0, invalid: 0, limited: 0, compared: 0, otherPhase: 0, differences: [], explained: new Map() };
const oracle = new Oracle(schema, ask);

function differs(index, operation, what) {
    const reason = reasonFor(operation, what);
    if (reason) found.explained.set(reason, (found.explained.get(reason) ?? 0) + 1);
    else found.differences.push({ index, ...operation, ...what });
}

async function compare(index, operation) {
    const expected = verdict(operation);
    const { status, body } = await ask(operation);
    const code = body.errors?.[0]?.extensions?.code;
    if (code === "LIMIT_EXCEEDED") {
        found.limited++;
        return;
    }
    const isValid = "data" in body;
    if (isValid !== expected.valid) {
        const ours = isValid ? "valid" : `${code}: ${body.errors?.[0]?.message}`;
        differs(index, operation, { kind: "validity", theirs: expected.valid ? "valid" : `${expected.phase}: ${expected.why}`, ours });
        return;
    }
    if (!isValid) {
        found.invalid++;
        if (status !== 400) differs(index, operation, { kind: "status", theirs: 400, ours: status });
        if (PHASES[code] !== expected.phase) found.otherPhase++;
        return;
    }
    found.valid++;
    if (expected.kind !== "query" || /__schema|__type\b/.test(operation.query)) return;
    const result = await oracle.run(expected.document, plain(operation.variables));
    const [theirs, ours] = [JSON.stringify(result.data), JSON.stringify(body.data)];
    found.compared++;
    if (theirs !== ours) differs(index, operation, { kind: "data", theirs, ours });
    else if (Boolean(result.errors?.length) !== Boolean(body.errors?.length)) {
        differs(index, operation, { kind: "errors", theirs: JSON.stringify(result.errors), ours: JSON.stringify(body.errors) });
    }
}

const values = await pool();
function make(index) {
    const generator = new Generator(schema, seed * 1_000_003 + index, values);
    const operation = generator.operation();
    return index % 2 === 1 ? mutate(operation, schema, new Random(seed * 7_919 + index)) : operation;
}

if (options.only !== undefined) {
    const operation = make(Number(options.only));
    console.log(operation.query, written(operation.variables));
    console.log(JSON.stringify(verdict(operation), (key, value) => (key === "document" ? undefined : value)));
    console.log(JSON.stringify((await ask(operation)).body, null, 1).slice(0, 4_000));
    await compare(Number(options.only), operation);
} else {
    let next = 0;
    const work = async () => {
        for (let index = next++; index < count; index = next++) {
            const operation = make(index);
            try {
                await compare(index, operation);
            } catch (error) {
                differs(index, operation, { kind: "failure", theirs: "", ours: String(error?.stack ?? error) });
            }
        }
    };
    await Promise.all(Array.from({ length: Number(options.at) }, work));
}
for (const difference of found.differences.slice(0, 40)) {
    console.log(`\n== ${difference.index} ${difference.kind}\n${difference.query}\n${written(difference.variables)}`);
    console.log(`graphql-js: ${String(difference.theirs).slice(0, 1_500)}\nAlmanac:    ${String(difference.ours).slice(0, 1_500)}`);
}
const { valid, invalid, limited, compared, otherPhase, differences, explained } = found;
for (const [reason, times] of explained) console.log(`${times} times: ${reason}`);
console.log(`${count} operations: ${valid} valid (${compared} with their results), ${invalid} invalid (${otherPhase} told in another phase), ${limited} over a limit, ${differences.length} differences without a reason`);
process.exitCode = differences.length > 0 ? 1 : 0;
