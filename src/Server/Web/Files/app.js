// The page: keeps a chat, asks the server, and draws what comes.

import * as api from "./api.js";
import * as pictures from "./pictures.js";
import * as settings from "./settings.js";
import * as store from "./store.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const [log, question, tray, composer, notice, select] = ["log", "question", "tray", "composer", "notice", "model"].map($);
let chat = store.newChat();
let waiting = [];
let running = null;

const say = (text) => (notice.textContent = text);

function fail(failure) {
  if (failure.status === 401) settings.askForKey();
  say(failure.message);
}

// --- Drawing ---

function draw() {
  const shown = store.path(chat);
  log.replaceChildren(...(shown.length > 0 ? shown.map((node) => view.message(chat, node, actions, running?.node === node)) : [view.welcome(suggest)]));
  log.scrollTop = log.scrollHeight;
}

function suggest(text) {
  question.value = text;
  grow();
  question.focus();
}

function showHistory(isOpen) {
  $("history").hidden = !isOpen;
  $("history-toggle").setAttribute("aria-expanded", String(isOpen));
}

async function drawHistory() {
  const items = (await store.list()).map((item) => {
    const entry = document.createElement("li");
    const open = document.createElement("button");
    open.type = "button";
    open.textContent = item.title;
    open.setAttribute("aria-current", String(item.id === chat.id));
    open.addEventListener("click", () => {
      if (matchMedia("(max-width: 40rem)").matches) showHistory(false);
      show(item);
    });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "✕";
    remove.setAttribute("aria-label", `Delete ${item.title}`);
    remove.addEventListener("click", async () => {
      await store.remove(item.id);
      if (item.id === chat.id) show(store.newChat());
      else drawHistory();
    });
    entry.append(open, remove);
    return entry;
  });
  $("chats").replaceChildren(...items);
}

function drawTray() {
  tray.replaceChildren(
    ...waiting.map((picture) =>
      pictures.figure(picture, () => {
        waiting = waiting.filter((other) => other !== picture);
        drawTray();
      }),
    ),
  );
}

function show(other) {
  stop();
  chat = other;
  localStorage.setItem("tessera.chat", chat.id);
  say("");
  draw();
  drawHistory();
}

// --- Pictures ---

async function addFiles(files) {
  for (const file of files) {
    if (!file.type.startsWith("image/")) {
      say(`${file.name} is no picture.`);
      continue;
    }
    waiting.push({ name: file.name || "pasted picture", data: await pictures.read(file) });
    drawTray();
  }
  plan();
}

async function plan() {
  for (const picture of waiting) {
    delete picture.problem;
    try {
      picture.plan = await api.look(select.value, picture.data, settings.maxSlices());
    } catch (failure) {
      if (failure.status === 401) fail(failure);
      picture.problem = failure.message;
    }
    drawTray();
  }
}

// --- Asking ---

const content = (node) =>
  node.pictures?.length
    ? [...node.pictures.map(({ data }) => ({ type: "image_url", image_url: { url: data } })), { type: "text", text: node.text }]
    : node.text;

function requestFor(node) {
  const earlier = store.before(chat, node).filter(({ role, text, failure }) => role === "user" || (text !== "" && !failure));
  const system = settings.system() ? [{ role: "system", content: settings.system() }] : [];
  return { model: node.model, messages: [...system, ...earlier.map((one) => ({ role: one.role, content: content(one) }))], ...settings.sampling() };
}

async function ask(parent) {
  const node = store.add(chat, parent.id, { role: "assistant", text: "", model: select.value });
  const control = new AbortController();
  running = { node, control, chat };
  const mine = running;
  busy(true);
  draw();
  const body = log.querySelector(`[data-id="${node.id}"] .body`);
  let frame = 0;
  const paint = () => {
    frame = 0;
    const isBelow = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    view.fill(body, node);
    if (isBelow) log.scrollTop = log.scrollHeight;
  };
  try {
    for await (const chunk of api.answer(requestFor(node), control.signal)) {
      const delta = chunk.choices[0]?.delta;
      if (delta?.content) node.text += delta.content;
      if (delta?.reasoning_content) node.reasoning = (node.reasoning ?? "") + delta.reasoning_content;
      if (chunk.choices[0]?.finish_reason === "length") node.cut = true;
      if (chunk.usage) node.usage = chunk.usage;
      if (chunk.tessera) node.timings = chunk.tessera.timings;
      frame ||= requestAnimationFrame(paint);
    }
  } catch (failure) {
    if (failure.name === "AbortError") node.stopped = true;
    else {
      node.failure = failure.message;
      if (failure.status === 401) settings.askForKey();
    }
  }
  cancelAnimationFrame(frame);
  await store.save(mine.chat);
  if (running === mine) {
    running = null;
    busy(false);
  }
  if (mine.chat === chat) draw();
  drawHistory();
}

function stop() {
  running?.control.abort();
  running = null;
  busy(false);
}

function busy(isBusy) {
  $("send").hidden = isBusy;
  $("stop").hidden = !isBusy;
  log.setAttribute("aria-busy", String(isBusy));
}

async function send() {
  const text = question.value.trim();
  if (running || (text === "" && waiting.length === 0)) return;
  const shown = store.path(chat);
  const parent = shown.at(-1)?.id ?? "root";
  if (parent === "root") chat.title = text.slice(0, 60) || "A picture";
  const node = store.add(chat, parent, { role: "user", text, pictures: waiting });
  waiting = [];
  question.value = "";
  grow();
  drawTray();
  say("");
  await store.save(chat);
  localStorage.setItem("tessera.chat", chat.id);
  await ask(node);
}

const actions = {
  choose(node, step) {
    store.choose(chat, node, step);
    store.save(chat);
    draw();
  },
  regenerate(node) {
    if (!running) ask(chat.nodes[node.parent]);
  },
  edit(node) {
    view.editor(log.querySelector(`[data-id="${node.id}"]`), node, (text) => {
      if (text === null || running) draw();
      else ask(store.add(chat, node.parent, { role: "user", text: text.trim(), pictures: node.pictures }));
    });
  },
  async branch(node) {
    const copy = store.branch(chat, node);
    await store.save(copy);
    show(copy);
  },
};

// --- What a person does ---

function grow() {
  question.style.height = "auto";
  question.style.height = `${question.scrollHeight + 2}px`;
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
question.addEventListener("input", grow);
question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && running && !$("settings").open) stop();
});
document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length > 0) {
    event.preventDefault();
    addFiles(files);
  }
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  composer.classList.add("over");
});
document.addEventListener("dragleave", () => composer.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  composer.classList.remove("over");
  addFiles([...event.dataTransfer.files]);
});
$("files").addEventListener("change", (event) => {
  addFiles([...event.target.files]);
  event.target.value = "";
});
$("stop").addEventListener("click", stop);
$("new-chat").addEventListener("click", () => {
  show(store.newChat());
  question.focus();
});
$("history-toggle").addEventListener("click", () => showHistory($("history").hidden));
select.addEventListener("change", () => {
  settings.model.set(select.value);
  plan();
});

async function loadModels() {
  try {
    const names = await api.models();
    select.replaceChildren(...names.map((name) => new Option(name, name)));
    select.value = names.includes(settings.model.get()) ? settings.model.get() : names[0];
    say("");
  } catch (failure) {
    fail(failure);
  }
}

settings.start((name) => {
  if (name === "key") loadModels();
  if (name === "max_slices") plan();
});
const last = (await store.list()).find(({ id }) => id === localStorage.getItem("tessera.chat"));
if (last) chat = last;
// Where there is room for both.
showHistory(matchMedia("(min-width: 64rem)").matches);
draw();
drawHistory();
await loadModels();
question.focus();
