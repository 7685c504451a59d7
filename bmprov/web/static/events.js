// The Events page while it is open: new events come in at the top, or wait behind a button while the reader is further
// down. The stream only tells that there is something new; this asks for the rows that the page's filters let through.

const SOONEST_AGAIN_MS = 1000;
const MOST_ROWS = 500;

let waiting = [];
let asking = false;
let again = false;

function held() {
  return document.getElementById("events-held");
}

function body() {
  return document.querySelector("#events tbody");
}

function readsFurtherDown() {
  return document.getElementById("events").getBoundingClientRect().top < 0;
}

async function newestRows() {
  const answer = await fetch(`/events/rows${location.search}`, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
  const shell = document.createElement("template");
  shell.innerHTML = await answer.text();
  return [...shell.content.querySelectorAll("tr")];
}

async function look() {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    take(await newestRows());
  } catch {
    again = true;  // the banner says already that the connection is lost
  }
  setTimeout(() => {
    asking = false;
    if (again) {
      again = false;
      look();
    }
  }, SOONEST_AGAIN_MS);
}

function take(rows) {
  if (!body()) {
    if (rows.length) location.reload();  // the page has said that there is nothing
    return;
  }
  const fresh = rows.filter((row) => !document.getElementById(row.id));
  if (fresh.length === rows.length && rows.length) {
    if (!readsFurtherDown()) location.reload();  // more has happened than one page holds
    held().textContent = "Many new events: show them";
    held().dataset.reloads = "";
    held().hidden = false;
    return;
  }
  waiting = fresh;
  if (!fresh.length) return;
  if (!readsFurtherDown()) {
    show();
    return;
  }
  held().textContent = `${fresh.length} new`;
  held().hidden = false;
}

function show() {
  const number = (row) => Number(row.id.replace("event-", ""));
  for (const row of waiting.reverse()) {
    row.classList.add("new");
    const next = [...body().rows].find((other) => number(other) < number(row));
    body().insertBefore(row, next ?? null);
  }
  waiting = [];
  held().hidden = true;
  while (body().rows.length > MOST_ROWS) body().rows[MOST_ROWS].remove();
  document.dispatchEvent(new CustomEvent("live:shown", { detail: [body()] }));
  const older = document.getElementById("events-older");
  if (!older) return;
  const to = new URL(older.href);
  to.searchParams.set("before", number(body().rows[body().rows.length - 1]));
  older.href = to;
}

document.addEventListener("click", (event) => {
  if (event.target !== held()) return;
  if (held().dataset.reloads !== undefined) {
    location.reload();
    return;
  }
  show();
  window.scrollTo({ top: 0 });
  document.getElementById("main").focus();
});

document.addEventListener("live:shown", ({ detail }) => {
  const ids = detail.map((element) => element.id);
  if (ids.includes("main")) waiting = [];  // the whole page is new
  if (ids.includes("events-tail")) look();
});

addEventListener("scroll", () => {
  if (waiting.length && !readsFurtherDown()) show();
}, { passive: true });
