// Markdown as nodes: what the model says is put into the page as text only, never as markup.

const element = (name, children = [], attributes = {}) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};

const inlinePattern = /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)|\*\*(?=\S)([\s\S]*?\S)\*\*|\*(?=\S)([^*]*?\S)\*|(?<![\w_])_(?=\S)([^_]*?\S)_(?![\w_])|~~(?=\S)([\s\S]*?\S)~~|!?\[([^\]\n]*)\]\(([^)\s]+)[^)]*\)|(https?:\/\/[^\s<>()]+[^\s<>().,;:!?])/;
const deepest = 8;

// Only addresses that a person may follow; a script is none.
const safeAddress = (text) => (/^(https?:|mailto:)/i.test(text) ? text : null);

const link = (address, children) =>
  element("a", children, { href: address, rel: "noopener noreferrer nofollow", target: "_blank" });

export function inline(text, depth = 0) {
  const nodes = [];
  while (text.length > 0) {
    const found = depth < deepest ? inlinePattern.exec(text) : null;
    if (!found) {
      nodes.push(document.createTextNode(text));
      break;
    }
    if (found.index > 0) nodes.push(document.createTextNode(text.slice(0, found.index)));
    const [whole, , code, bold, italic, italicLine, struck, label, target, bare] = found;
    if (code !== undefined) nodes.push(element("code", [code]));
    else if (bold !== undefined) nodes.push(element("strong", inline(bold, depth + 1)));
    else if (italic ?? italicLine) nodes.push(element("em", inline(italic ?? italicLine, depth + 1)));
    else if (struck !== undefined) nodes.push(element("s", inline(struck, depth + 1)));
    else if (target !== undefined) {
      // A picture's address is a link too: nothing is fetched because the model says so.
      const address = safeAddress(target);
      nodes.push(address ? link(address, inline(label || target, depth + 1)) : document.createTextNode(whole));
    } else nodes.push(link(bare, [bare]));
    text = text.slice(found.index + whole.length);
  }
  return nodes;
}

const starts = {
  fence: /^ {0,3}(```+|~~~+)(.*)$/,
  heading: /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/,
  rule: /^ {0,3}([-*_])(\s*\1){2,}\s*$/,
  quote: /^ {0,3}> ?(.*)$/,
  item: /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/,
  row: /^\s*\|?(.+\|.*)$/,
  divider: /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/,
};

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

function table(lines, at) {
  const head = element("thead", [element("tr", cells(lines[at]).map((cell) => element("th", inline(cell))))]);
  const body = element("tbody");
  let next = at + 2;
  for (; next < lines.length && lines[next].includes("|"); next++)
    body.append(element("tr", cells(lines[next]).map((cell) => element("td", inline(cell)))));
  return [element("table", [head, body]), next];
}

function list(lines, at, depth) {
  const first = starts.item.exec(lines[at]);
  const indent = first[1].length;
  const ordered = /\d/.test(first[2]);
  const node = element(ordered ? "ol" : "ul", [], ordered ? { start: parseInt(first[2], 10) } : {});
  let next = at;
  while (next < lines.length) {
    const item = starts.item.exec(lines[next]);
    if (!item || item[1].length !== indent || /\d/.test(item[2]) !== ordered) break;
    const inner = [item[3]];
    for (next++; next < lines.length; next++) {
      const deeper = /^\s*/.exec(lines[next])[0].length > indent;
      if (!deeper && lines[next].trim() !== "") break;
      if (lines[next].trim() === "" && !(next + 1 < lines.length && /^\s/.test(lines[next + 1]))) break;
      inner.push(lines[next].slice(Math.min(indent + 2, /^\s*/.exec(lines[next])[0].length)));
    }
    const content = blocks(inner, depth + 1);
    const only = content.length > 0 && content[0].tagName === "P" ? [...content[0].childNodes, ...content.slice(1)] : content;
    node.append(element("li", only));
    while (next < lines.length && lines[next].trim() === "" && starts.item.test(lines[next + 1] ?? "")) next++;
  }
  return [node, next];
}

function fence(lines, at) {
  const [, mark] = starts.fence.exec(lines[at]);
  const code = [];
  let next = at + 1;
  for (; next < lines.length && !lines[next].trim().startsWith(mark); next++) code.push(lines[next]);
  const text = code.join("\n");
  const copy = element("button", ["Copy"], { type: "button", "aria-label": "Copy this code" });
  copy.addEventListener("click", () => navigator.clipboard?.writeText(text));
  return [element("div", [element("pre", [element("code", [text])], { tabindex: "0" }), copy], { class: "code" }), next + 1];
}

function blocks(lines, depth) {
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    let match;
    if (line.trim() === "") at++;
    else if (starts.fence.test(line)) {
      const [node, next] = fence(lines, at);
      nodes.push(node);
      at = next;
    } else if ((match = starts.heading.exec(line))) {
      nodes.push(element(`h${Math.min(6, match[1].length + 2)}`, inline(match[2])));
      at++;
    } else if (starts.rule.test(line)) {
      nodes.push(element("hr"));
      at++;
    } else if (depth < deepest && starts.quote.test(line)) {
      const inner = [];
      for (; at < lines.length && (match = starts.quote.exec(lines[at])); at++) inner.push(match[1]);
      nodes.push(element("blockquote", blocks(inner, depth + 1)));
    } else if (depth < deepest && starts.item.test(line)) {
      const [node, next] = list(lines, at, depth);
      nodes.push(node);
      at = next;
    } else if (starts.row.test(line) && starts.divider.test(lines[at + 1] ?? "") && (lines[at + 1] ?? "").includes("-")) {
      const [node, next] = table(lines, at);
      nodes.push(node);
      at = next;
    } else {
      const words = [line];
      const ends = (text) => text.trim() === "" || starts.fence.test(text) || starts.heading.test(text) || starts.item.test(text) || starts.quote.test(text);
      for (at++; at < lines.length && !ends(lines[at]); at++) words.push(lines[at]);
      const paragraph = element("p");
      words.forEach((text, index) => paragraph.append(...(index > 0 ? [element("br")] : []), ...inline(text)));
      nodes.push(paragraph);
    }
  }
  return nodes;
}

/** The nodes of a text. */
export const render = (text) => blocks(text.replace(/\r\n?/g, "\n").split("\n"), 0);
