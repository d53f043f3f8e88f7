// What an operation must answer, worked out by graphql-js: it collects, merges, orders and propagates, and learns the value of
// each single field from the server by an operation that selects nothing else. Such an operation is so simple that there is
// nothing in it to get wrong, and its answer is asked for once.

import {
    astFromValue, execute, getNamedType, getNullableType, GraphQLError, isAbstractType, isCompositeType, isListType, print,
} from "graphql";

export class Oracle {
    constructor(schema, ask) {
        this.schema = schema;
        this.ask = ask;
        this.answers = new Map();
    }

    async run(document, variableValues) {
        const result = await execute({
            schema: this.schema,
            document,
            variableValues,
            rootValue: { steps: [], places: [] },
            fieldResolver: (source, args, _, info) => this.resolve(source, args, info),
            typeResolver: (value) => value.typename,
        });
        return JSON.parse(JSON.stringify(result));
    }

    async resolve(source, args, info) {
        const field = info.parentType.getFields()[info.fieldName];
        const written = field.args
            .filter((arg) => args[arg.name] !== undefined)
            .map((arg) => `${arg.name}: ${print(astFromValue(args[arg.name], arg.type))}`);
        const call = `${info.fieldName}${written.length > 0 ? `(${written.join(", ")})` : ""}`;
        const inner = getNamedType(info.returnType);
        const steps = [...source.steps, { call, on: source.isAbstract ? info.parentType.name : undefined }];
        const answer = await this.answer(steps, isCompositeType(inner));
        const places = [...source.places, info.fieldName];
        const value = walk(answer.data, places);
        if (value === null || value === undefined) {
            const failed = answer.errors?.find((error) => isWithin(error.path ?? [], places));
            if (failed) throw new GraphQLError(failed.message);
            return null;
        }
        if (!isCompositeType(inner)) return value;
        return this.objects(value, steps, places, isAbstractType(inner));
    }

    objects(value, steps, places, isAbstract) {
        if (value === null) return null;
        if (Array.isArray(value)) return value.map((item, index) => this.objects(item, steps, [...places, index], isAbstract));
        return { steps, places, isAbstract, typename: value.__typename };
    }

    answer(steps, isComposite) {
        let query = isComposite ? "{ __typename }" : "";
        for (const { call, on } of [...steps].reverse()) query = `{ ${on ? `... on ${on} { ` : ""}${call} ${query}${on ? " }" : ""} }`;
        let answer = this.answers.get(query);
        if (!answer) {
            answer = this.ask({ query }).then(({ body }) => {
                if (!("data" in body)) throw new Error(`refused: ${query}: ${JSON.stringify(body)}`);
                return body;
            });
            this.answers.set(query, answer);
        }
        return answer;
    }
}

function walk(data, places) {
    let value = data;
    for (const place of places) {
        if (value === null || value === undefined) return value;
        value = value[place];
    }
    return value;
}

/// Whether an error is of a place, of something above it, or of another item of a list around it, so that the value is null.
function isWithin(path, places) {
    return path.length <= places.length && path.every((step, index) => step === places[index] || typeof step === "number");
}
