// Keeps the page as true as the database: takes in what the server says has changed, and says when it hears nothing.
//
// The page names its topic and the etag of what it shows. A message names the etag after it; when the connection drops,
// the browser tells the last one it had, and the server sends what is lacking, or asks the page to fetch itself anew.
// Who changes the page otherwise listens to `live:shown` (some elements are new) on the document.

const UNHEARD_MS = 3000; // a connection may be gone for so long before the page says so
const SILENT_MS = 40000; // the server is heard every 15 s: a connection this quiet is dead
const HIDDEN_MS = 3000; // browsers open six connections to a host, and nobody looks at a hidden page
const RELOAD_MS = 30000; // how often a page that may have no stream fetches itself
const REFETCH_MS = 2000; // and how often it does so at most because it is asked to
const ANSWERED_MS = 5000; // a stream refused so soon after the page was answered will be refused again

const body = document.body;
const banner = document.getElementById("trouble");
const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

let stream = null;
let heardAt = Date.now();
let upToDateAt = new Date();
let down = false; // there is no connection
let trouble = ""; // what the server says is wrong
let refused = false; // the server gave us no stream
let fetching = false;
let fetchedAt = 0;
let owed = false; // something was not shown because it would have gone under the reader's hands
let hiding = 0;

// --- Elements ---

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function* within(element, selector) {
  if (element.matches(selector)) yield element;
  yield* element.querySelectorAll(selector);
}

// what the reader has done to an element since it was sent: opened, typed, ticked, focused, scrolled
function keep(old, fresh) {
  for (const was of within(old, "details[id]")) {
    const is = fresh.id === was.id ? fresh : fresh.querySelector(`#${CSS.escape(was.id)}`);
    if (is) is.open = was.open;
  }
  for (const was of within(old, "input[id], textarea[id], select[id]")) {
    const is = fresh.id === was.id ? fresh : fresh.querySelector(`#${CSS.escape(was.id)}`);
    if (!is || is.type !== was.type) continue;
    if (was.type === "checkbox" || was.type === "radio") is.checked = was.checked;
    else if (was.tagName === "SELECT" || was.value !== was.defaultValue) is.value = was.value;
  }
  const scrolled = [...within(old, "[id]")].filter((was) => was.scrollTop || was.scrollLeft);
  return scrolled.map((was) => [was.id, was.scrollTop, was.scrollLeft]);
}

function restore(focused, selection, scrolled) {
  for (const [id, top, left] of scrolled) document.getElementById(id)?.scrollTo({ top, left, behavior: "instant" });
  if (!focused || document.activeElement?.id === focused) return;
  const element = document.getElementById(focused);
  element?.focus({ preventScroll: true });
  if (element && selection) element.setSelectionRange(...selection);
}

function swap(pairs) {
  const active = document.activeElement;
  const selection = active?.selectionStart == null ? null : [active.selectionStart, active.selectionEnd];
  const scrolled = [];
  for (const [old, fresh] of pairs) {
    scrolled.push(...keep(old, fresh));
    old.replaceWith(fresh);
  }
  restore(active?.id, selection, scrolled);
  document.dispatchEvent(new CustomEvent("live:shown", { detail: pairs.map(([, fresh]) => fresh) }));
}

// not under the hands of somebody who confirms something
function held(element) {
  return element.querySelector("dialog[open]") !== null;
}

function apply(regions) {
  const pairs = [];
  for (const [id, html] of Object.entries(regions)) {
    const old = document.getElementById(id);
    const fresh = parsed(html);
    if (old && held(old)) owed = true;
    else if (old && fresh) pairs.push([old, fresh]);
  }
  swap(pairs);
}

// --- The page as a whole ---

async function refetch() {
  if (fetching) return;
  fetching = true;
  const wait = fetchedAt + REFETCH_MS + Math.random() * 500 - Date.now();
  if (wait > 0) await new Promise((done) => { setTimeout(done, wait); });
  fetchedAt = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.redirected || answer.status === 401 || answer.status === 403 || answer.status === 404) {
      location.reload(); // signed out, or gone: the server's own page says so
      return;
    }
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    stop();
    take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    heard();
    connect();
  } catch {
    lost();
    setTimeout(refetch, RELOAD_MS / 10);
  } finally {
    fetching = false;
  }
}

function take(fresh) {
  const [old, main] = [document.getElementById("main"), fresh.getElementById("main")];
  const { scrollX, scrollY } = window;
  if (held(old)) owed = true;
  else swap([[old, document.adoptNode(main)]]);
  window.scrollTo({ left: scrollX, top: scrollY, behavior: "instant" });
  body.dataset.topic = fresh.body.dataset.topic ?? "";
  body.dataset.etag = fresh.body.dataset.etag ?? "";
}

// --- The stream ---

function connect() {
  stream?.close();
  stream = null;
  if (!body.dataset.topic || document.hidden) return;
  const opened = new EventSource(`/live/${body.dataset.topic}?etag=${body.dataset.etag}`);
  const on = (event, act) => opened.addEventListener(event, (message) => {
    if (stream !== opened) return;
    heard();
    if (message.lastEventId) body.dataset.etag = message.lastEventId;
    act(JSON.parse(message.data));
  });
  stream = opened;
  heardAt = Date.now();
  on("regions", apply);
  on("resync", () => { stop(); refetch(); });
  on("bye", () => location.reload());
  on("trouble", (sentence) => { trouble = sentence; say(); });
  on("beat", (now) => document.dispatchEvent(new CustomEvent("live:beat", { detail: now })));
  opened.onerror = () => { if (stream === opened) failed(opened); };
}

function stop() {
  stream?.close();
  stream = null;
}

function failed(opened) {
  setTimeout(() => { if (Date.now() - heardAt >= UNHEARD_MS) lost(); }, UNHEARD_MS);
  if (opened.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
  stop();
  if (Date.now() - fetchedAt > ANSWERED_MS) refetch(); // the server may have restarted, or no longer know us
  else refused = true; // the page is answered, and its stream is not
  say();
}

function heard() {
  heardAt = Date.now();
  upToDateAt = new Date();
  down = false;
  if (stream) refused = false;
  say();
}

function lost() {
  down = true;
  say();
}

function say() {
  const known = `Showing what was known at ${time.format(upToDateAt)}.`;
  let words = "";
  if (down) words = `The connection to bmprov is lost. ${known}`;
  else if (trouble) words = `${trouble[0].toUpperCase()}${trouble.slice(1)}.`;
  else if (refused) words = "Too many pages are open: this one reloads every 30 s.";
  if (banner.textContent === words) return;
  banner.textContent = words;
  banner.hidden = !words;
}

function watch() {
  if (stream && Date.now() - heardAt > SILENT_MS) {
    lost();
    connect();
  }
  if (refused && Date.now() - fetchedAt > RELOAD_MS) refetch();
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(stop, HIDDEN_MS);
  else if (!stream && !fetching) connect();
});
document.addEventListener("close", () => {
  if (!owed) return;
  owed = false;
  refetch();
}, true);
setInterval(watch, 1000);
connect();
