// Shows the API's description to people.

const make = (name, className, ...children) => {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
};

const description = await (await fetch("/openapi.json")).json();
const named = (schema) => (schema.$ref ? description.components.schemas[schema.$ref.split("/").at(-1)] : schema);
const deepest = 4;

// A schema as a person writes an example of it.
function outline(schema, depth = 0) {
  const { type, properties, items, oneOf, enum: values, description: words } = named(schema);
  const note = words ? `  // ${words}` : "";
  if (oneOf) return oneOf.map((one) => outline(one, depth)).join(" | ") + note;
  if (values) return values.map((value) => JSON.stringify(value)).join(" | ") + note;
  if (type === "array") return `[${depth < deepest ? outline(items, depth + 1) : "…"}]${note}`;
  if (type !== "object" || !properties) return (type ?? "any") + note;
  if (depth >= deepest) return "{…}";
  const pad = "  ".repeat(depth + 1);
  const lines = Object.entries(properties).map(([name, value]) => `${pad}${JSON.stringify(name)}: ${outline(value, depth + 1)}`);
  return `{\n${lines.join("\n")}\n${"  ".repeat(depth)}}`;
}

function bodies(title, content) {
  return Object.entries(content ?? {}).flatMap(([kind, { schema }]) => {
    const text = make("pre", "", outline(schema));
    text.tabIndex = 0;
    return [make("h3", "", `${title}, ${kind}`), text];
  });
}

function show(path, method, operation) {
  const parameters = (operation.parameters ?? []).map(({ name, in: place, schema }) => `${name} (${place}, ${schema.type})`);
  return make(
    "details",
    "",
    make("summary", "", make("span", "method", method.toUpperCase()), make("code", "", path), ` ${operation.summary}`),
    ...(operation.description ? [make("p", "", operation.description)] : []),
    ...(parameters.length > 0 ? [make("p", "", `Parameters: ${parameters.join(", ")}.`)] : []),
    ...bodies("Request", operation.requestBody?.content),
    ...Object.entries(operation.responses).flatMap(([status, { description: words, content }]) => [
      make("h3", "", status === "default" ? "Errors" : `Status ${status}`),
      make("p", "", words),
      ...bodies("Answer", content),
    ]),
  );
}

document.getElementById("about").textContent = description.info.description;
const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ tag: operation.tags[0], node: show(path, method, operation) })),
);
for (const tag of new Set(operations.map((operation) => operation.tag)))
  document.getElementById("operations").append(
    make("section", "", make("h2", "", tag), ...operations.filter((one) => one.tag === tag).map((one) => one.node)),
  );
const theme = localStorage.getItem("tessera.theme");
if (theme) document.documentElement.dataset.theme = theme;
