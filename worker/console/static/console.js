// The console's page: a terminal, and a web socket that carries its bytes (binary) and what is told about it (JSON).
import { Terminal } from "/console/xterm.mjs";
import { FitAddon } from "/console/addon-fit.mjs";

const COLUMNS = 80; // what firmware and a login without its own size count on
const FONT = 15;
const SMALLEST_FONT = 8;
const NOTICE_MS = 8000;

const at = (id) => document.getElementById(id);
const ticket = location.hash.slice(1);
history.replaceState(null, "", location.pathname); // a ticket works once; a copied address must not look as if it did

const terminal = new Terminal({
  cursorBlink: true,
  fontFamily: "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
  fontSize: FONT,
  scrollback: 5000,
  screenReaderMode: false,
  theme: { background: "#0c0f14", foreground: "#dfe3ea" },
});
const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.open(at("terminal"));

function refit() {
  terminal.options.fontSize = FONT;
  let size = fit.proposeDimensions();
  while (size && size.cols < COLUMNS && terminal.options.fontSize > SMALLEST_FONT) {
    terminal.options.fontSize -= 1;
    size = fit.proposeDimensions();
  }
  if (size) terminal.resize(Math.max(size.cols, COLUMNS), Math.max(size.rows, 2));
}
new ResizeObserver(refit).observe(at("terminal"));

const socket = new WebSocket(`wss://${location.host}/console/ws`);
socket.binaryType = "arraybuffer";
const encoder = new TextEncoder();
let writing = false;
let by = "";
let over = false;
let clearNotice = 0;

const ask = (request) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(request));

function type(text) {
  if (writing && socket.readyState === WebSocket.OPEN) socket.send(encoder.encode(text));
  else if (!over) notice("somebody else has the keyboard, so what you type goes nowhere");
}
terminal.onData(type);
terminal.onBinary((text) => writing && socket.send(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));

function notice(words) {
  at("notice").textContent = words;
  clearTimeout(clearNotice);
  clearNotice = setTimeout(() => (at("notice").textContent = ""), NOTICE_MS);
}

function end(why, check, { graphical, take } = {}) {
  over = !take;
  writing = false;
  at("why").textContent = why;
  at("check").textContent = check || "";
  at("take").hidden = !take;
  at("graphical").hidden = !graphical;
  if (graphical) {
    at("graphical").href = graphical;
    location.replace(graphical);
  }
  at("keyboard").hidden = at("break").hidden = true;
  at("state").textContent = take ? "in use" : "closed";
  terminal.options.cursorBlink = false;
  if (!at("ended").open) at("ended").showModal();
}

function people({ writer, watching, may_write: mayWrite }) {
  const more = watching ? `; ${watching} ${watching === 1 ? "other watches" : "others watch"}` : "";
  const whose = writing ? "you have the keyboard" : writer ? `${writer} has the keyboard` : "nobody has the keyboard";
  at("state").textContent = `${by}: ${whose}${more}`;
  at("keyboard").hidden = writing || !mayWrite;
  at("break").hidden = !writing;
}

function told(message) {
  if (message.opening) {
    at("machine").textContent = document.title = message.opening;
    at("state").textContent = "opening the console";
  }
  if (message.machine) {
    at("machine").textContent = document.title = message.machine;
    at("recorded").hidden = !message.recorded;
    by = message.by;
    at("ended").close();
    terminal.options.cursorBlink = true;
    terminal.focus();
  }
  if ("writing" in message) {
    writing = message.writing;
    people(message);
  }
  if (message.notice) notice(message.notice);
  if (message.in_use) end(message.in_use, "", { take: message.may_write });
  if (message.ended) end(message.ended, message.check, message);
}

socket.addEventListener("open", () => ask({ ticket }));
socket.addEventListener("message", ({ data }) => {
  if (typeof data === "string") told(JSON.parse(data));
  else terminal.write(new Uint8Array(data));
});
socket.addEventListener("close", () => {
  if (!over) end("the connection to bmprov is lost", "look at your network, and open the console again");
});

at("keyboard").addEventListener("click", () => {
  ask({ keyboard: true });
  terminal.focus();
});
at("break").addEventListener("click", () => {
  ask({ break: true });
  terminal.focus();
});
at("take").addEventListener("click", () => ask({ take_over: true }));
at("ended").addEventListener("cancel", (event) => over || event.preventDefault());
