// Small helpers that the other modules share. Words and markup come from the page's <template>s.

const CONVERSATION = "00000000-0000-0000-0000-000000000000";
const MESSAGE = "11111111-1111-1111-1111-111111111111";
const words = new Map();

/** What a click on an element with `data-do` does, by that name: (element, event) => void. */
export const deeds = {};

export const byId = (id) => document.getElementById(id);

export const conversationId = () => byId("room")?.dataset.conversation || "";

export const isPhone = () => matchMedia("(max-width: 48rem)").matches;

/** The interface's word for `name`, with `{values}` filled in; "" if there is none. */
export function word(name, values = {}) {
  if (!words.size) {
    for (const item of byId("words").content.querySelectorAll("[data-word]")) {
      words.set(item.dataset.word, item.textContent);
    }
  }
  return (words.get(name) ?? "").replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** A fresh copy of what the template `id` holds. */
export const copyOf = (id) => byId(id).content.firstElementChild.cloneNode(true);

/** The address of an action on a conversation, or on one of its messages. */
export function address(name, conversation = conversationId(), message = "") {
  return byId("urls").dataset[name].replace(CONVERSATION, conversation).replace(MESSAGE, message);
}

/** A new random id; `randomUUID` exists only where the page came over HTTPS or from this machine. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** localStorage that may be forbidden or full. */
export const store = {
  get(key) {
    try {
      return localStorage.getItem(`parley:${key}`);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      if (value) localStorage.setItem(`parley:${key}`, value);
      else localStorage.removeItem(`parley:${key}`);
    } catch {
      // It is remembered until the page goes.
    }
  },
};

/** All messages shown, in order. */
export const articles = () => document.querySelectorAll("#messages > .message");

/** The replies at the end that one request asked for, side by side; otherwise the last message. */
export function lastOnes() {
  const all = [...articles()];
  const { parent, choices } = all.at(-1)?.dataset ?? {};
  return choices ? all.filter(({ dataset }) => dataset.parent === parent && dataset.choices) : all.slice(-1);
}

/** What the next message follows: the reply that was chosen, or else the first. */
export const followed = () => lastOnes().find(({ dataset }) => dataset.chosen !== undefined) ?? lastOnes()[0];

export const isOpen = (article) => ["queued", "running"].includes(article.dataset.state);

export const openReplies = () => [
  ...document.querySelectorAll('#messages > .message:is([data-state="queued"], [data-state="running"])'),
];

export const articleOf = (element) => element.closest(".message");

/** Tell everybody that messages came, went or changed their state. */
export const changed = () => document.dispatchEvent(new CustomEvent("parley:changed"));

/** The browser's own title follows the conversation's. */
export function titleChanged() {
  const head = byId("title");
  document.title = head ? `${head.textContent.trim()} · Parley` : byId("room").dataset.title;
}
