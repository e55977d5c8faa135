// What a person has chosen, kept in the browser.

const numbers = ["temperature", "top_p", "top_k", "seed", "max_tokens", "max_slices"];
const field = (name) => document.getElementById(`set-${name}`);
const kept = (name) => localStorage.getItem(`tessera.${name}`) ?? "";

function keep(name, value) {
  if (value === "") localStorage.removeItem(`tessera.${name}`);
  else localStorage.setItem(`tessera.${name}`, value);
}

function applyTheme() {
  const theme = kept("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

/** Shows what was chosen and takes note of what is. */
export function start(changed) {
  for (const name of [...numbers, "system", "theme", "key"]) {
    field(name).value = kept(name);
    field(name).addEventListener("input", () => {
      keep(name, field(name).value);
      applyTheme();
      changed(name);
    });
  }
  applyTheme();
  const dialog = document.getElementById("settings");
  document.getElementById("settings-open").addEventListener("click", () => dialog.showModal());
}

/** Asks for the key, where the server wants one. */
export function askForKey() {
  document.getElementById("settings").showModal();
  field("key").focus();
}

/** The system sentence; empty for none. */
export const system = () => kept("system");

/** The most slices of a picture; null for no limit. */
export const maxSlices = () => Number(kept("max_slices")) || null;

/** How to answer, as a request says it. */
export const sampling = () =>
  Object.fromEntries(numbers.filter((name) => kept(name) !== "" && Number.isFinite(Number(kept(name)))).map((name) => [name, Number(kept(name))]));

/** The model that was chosen last. */
export const model = { get: () => kept("model"), set: (name) => keep("model", name) };
