// Chats, kept in the browser. Each is a tree of messages: an edit or another answer is a branch beside the first one.

const open = new Promise((resolve, reject) => {
  const request = indexedDB.open("tessera", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("chats", { keyPath: "id" });
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function run(mode, use) {
  const store = (await open).transaction("chats", mode).objectStore("chats");
  return new Promise((resolve, reject) => {
    const request = use(store);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const newId = () => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;

export const list = async () => (await run("readonly", (store) => store.getAll())).sort((one, other) => other.changed - one.changed);
export const save = (chat) => run("readwrite", (store) => store.put({ ...chat, changed: Date.now() }));
export const remove = (id) => run("readwrite", (store) => store.delete(id));

export const newChat = () => ({ id: newId(), title: "New chat", changed: Date.now(), nodes: { root: { id: "root", children: [], chosen: 0 } } });

/** Adds a message behind another and makes it the one that is shown. */
export function add(chat, parent, message) {
  const node = { id: newId(), parent, children: [], chosen: 0, ...message };
  chat.nodes[node.id] = node;
  const above = chat.nodes[parent];
  above.children.push(node.id);
  above.chosen = above.children.length - 1;
  return node;
}

/** The messages that are shown, from the first. */
export function path(chat) {
  const shown = [];
  let node = chat.nodes.root;
  while (node.children.length > 0) {
    node = chat.nodes[node.children[node.chosen]];
    shown.push(node);
  }
  return shown;
}

/** The messages before one. */
export function before(chat, node) {
  const shown = [];
  for (let at = chat.nodes[node.parent]; at.id !== "root"; at = chat.nodes[at.parent]) shown.unshift(at);
  return shown;
}

/** Shows another branch beside a message. */
export function choose(chat, node, step) {
  const above = chat.nodes[node.parent];
  above.chosen = Math.min(above.children.length - 1, Math.max(0, above.chosen + step));
}

/** A new chat with the messages up to one. */
export function branch(chat, node) {
  const copy = { ...newChat(), title: `${chat.title} (branch)` };
  let parent = "root";
  for (const { id, parent: _, children, chosen, ...message } of [...before(chat, node), node]) parent = add(copy, parent, message).id;
  return copy;
}
