// Draws a chat.

import { render } from "./markdown.js";
import { figure } from "./pictures.js";

const make = (name, className, ...children) => {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
};

const button = (text, label, act, disabled = false) => {
  const node = make("button", "", text);
  node.type = "button";
  node.disabled = disabled;
  if (label) node.setAttribute("aria-label", label);
  node.addEventListener("click", act);
  return node;
};

function numbers(node) {
  const { usage, timings } = node;
  if (!usage) return "";
  const seconds = (timings?.decode_ms ?? 0) / 1000;
  const speed = seconds > 0 ? `, ${(usage.completion_tokens / seconds).toFixed(1)} tokens/s` : "";
  return `${usage.prompt_tokens} + ${usage.completion_tokens} tokens, ${usage.prompt_tokens_details.cached_tokens} cached${speed}`;
}

function branches(chat, node, actions) {
  const siblings = chat.nodes[node.parent].children;
  if (siblings.length < 2) return [];
  const at = siblings.indexOf(node.id);
  return [
    button("‹", "Earlier version", () => actions.choose(node, -1), at === 0),
    make("span", "", `${at + 1} of ${siblings.length}`),
    button("›", "Later version", () => actions.choose(node, 1), at === siblings.length - 1),
  ];
}

function tools(chat, node, actions) {
  const own =
    node.role === "user"
      ? [button("Edit", "Edit this question", () => actions.edit(node))]
      : [
          button("Regenerate", "Regenerate this answer", () => actions.regenerate(node)),
          button("Copy", "Copy this answer", () => navigator.clipboard?.writeText(node.text)),
        ];
  return make("div", "tools", ...branches(chat, node, actions), ...own, button("Branch", "Branch off from here", () => actions.branch(node)), make("span", "", numbers(node)));
}

/** Fills a message's body, as it grows. */
export function fill(body, node) {
  body.replaceChildren();
  if (node.reasoning) body.append(make("details", "thought", make("summary", "", "Thoughts"), ...render(node.reasoning)));
  body.append(...render(node.text));
  if (node.failure) body.append(make("p", "failure", node.failure));
  if (node.stopped) body.append(make("p", "note", "Stopped."));
  if (node.cut) body.append(make("p", "note", "Cut at the most tokens of an answer (Settings)."));
}

/** One message. */
export function message(chat, node, actions, isBusy) {
  const body = make("div", "body");
  if (node.pictures?.length) body.append(make("div", "pictures", ...node.pictures.map((picture) => figure(picture))));
  if (node.role === "user") body.append(...node.text.split("\n").map((line) => make("p", "", line)));
  else fill(body, node);
  const article = make("article", `${node.role}${isBusy ? " busy" : ""}`, make("h2", "", node.role === "user" ? "You" : node.model), body);
  if (!isBusy) article.append(tools(chat, node, actions));
  article.dataset.id = node.id;
  return article;
}

/** A question while it is edited. */
export function editor(article, node, done) {
  const text = make("textarea", "", node.text);
  text.value = node.text;
  text.rows = Math.min(10, node.text.split("\n").length + 1);
  text.setAttribute("aria-label", "Question");
  const form = make("div", "editor", text, make("div", "tools", button("Send", "Send the edited question", () => done(text.value)), button("Cancel", "", () => done(null))));
  article.querySelector(".body").replaceChildren(form);
  article.querySelector(":scope > .tools")?.remove();
  text.focus();
}

const suggestions = ["Describe this picture.", "Read the text in this picture.", "What is unusual here?"];

/** What an empty chat shows; a suggestion goes into the question. */
export function welcome(suggest) {
  const list = make("ul", "", ...suggestions.map((text) => make("li", "", button(text, "", () => suggest(text)))));
  return make("div", "welcome", make("h2", "", "What shall we look at?"), make("p", "", "Drop a picture here, paste one, or add a file; then ask about it."), list);
}
