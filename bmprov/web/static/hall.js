// Finds machines as one types. Everything that is searched stands in the page: a tile's label, its `data-q`, its rack's.
//
// Keys: `/` goes to the search, Escape clears it, arrows go from machine to machine. The URL keeps what is looked for.

const search = () => document.getElementById("search");
const hall = () => document.getElementById("hall");
const chips = () => document.querySelectorAll(".finder .chip");
const plain = new Intl.NumberFormat("en");

let tiles = []; // { element, text, shown, rack }
let racks = []; // { element, zone, tiles }
let byId = new Map();

// --- What there is ---

function textOf(element, place) {
  return `${element.getAttribute("aria-label")} ${element.dataset.q} ${place}`.toLowerCase();
}

function collect() {
  tiles = [];
  racks = [];
  byId = new Map();
  for (const element of hall()?.querySelectorAll(".rack") ?? []) {
    const rack = { element, zone: element.closest(".zone"), place: element.dataset.q, tiles: [] };
    for (const one of element.querySelectorAll(".m")) {
      const tile = { element: one, text: textOf(one, rack.place), shown: true, rack };
      one.tabIndex = -1;
      rack.tiles.push(tile);
      tiles.push(tile);
      byId.set(one.id, tile);
    }
    racks.push(rack);
  }
}

// some tiles were drawn anew: they hold what has changed, and know nothing of what is looked for
function renew(elements) {
  for (const element of elements) {
    const tile = byId.get(element.id);
    if (!tile) continue;
    tile.element = element;
    tile.text = textOf(element, tile.rack.place);
    tile.shown = true;
    element.tabIndex = -1;
  }
}

// --- What is looked for ---

// what is typed, and what else it may mean: a MAC in any spelling is found in ours
function spellings(word) {
  const digits = word.replace(/[-:.]/g, "");
  return /^[0-9a-f]{12}$/.test(digits) ? [word, digits.match(/../g).join(":")] : [word];
}

function wanted() {
  const words = search().value.toLowerCase().split(/\s+/).filter(Boolean).map(spellings);
  const groups = new Map();
  for (const chip of chips()) {
    if (chip.getAttribute("aria-pressed") !== "true") continue;
    const { group, token } = chip.dataset;
    groups.set(group, [...(groups.get(group) ?? []), token]);
  }
  return { words, groups: [...groups.values()] };
}

function matches(tile, { words, groups }) {
  return words.every((spelled) => spelled.some((word) => tile.text.includes(word)))
    && groups.every((tokens) => tokens.some((token) => tile.element.classList.contains(token)));
}

function apply() {
  if (!search()) return;
  const asked = wanted();
  const all = !asked.words.length && !asked.groups.length;
  let found = 0;
  const zones = new Map();
  for (const rack of racks) {
    let here = 0;
    for (const tile of rack.tiles) {
      const shown = all || matches(tile, asked);
      if (shown !== tile.shown) tile.element.classList.toggle("no", !shown);
      tile.shown = shown;
      here += shown;
    }
    if (rack.element.hidden !== !here) rack.element.hidden = !here;
    zones.set(rack.zone, (zones.get(rack.zone) ?? 0) + here);
    found += here;
    enter(rack);
  }
  for (const [zone, here] of zones) zone.hidden = !here;
  document.getElementById("none").hidden = found > 0;
  document.getElementById("matched").textContent = all ? "" : `${plain.format(found)} of ${plain.format(tiles.length)}`;
}

// --- The URL ---

let writing = 0;

function write() {
  const asked = new URLSearchParams();
  if (search().value) asked.set("q", search().value);
  const pressed = [...chips()].filter((chip) => chip.getAttribute("aria-pressed") === "true");
  if (pressed.length) asked.set("show", pressed.map((chip) => chip.dataset.token).join(" "));
  history.replaceState(null, "", asked.size ? `?${asked}` : location.pathname);
}

// browsers refuse to write the URL hundreds of times in half a minute
function remember(afterMs = 250) {
  clearTimeout(writing);
  writing = setTimeout(write, afterMs);
}

function recall() {
  if (!search()) return;
  const asked = new URLSearchParams(location.search);
  const shown = (asked.get("show") ?? "").split(" ");
  search().value = asked.get("q") ?? "";
  for (const chip of chips()) chip.setAttribute("aria-pressed", String(shown.includes(chip.dataset.token)));
}

// --- Keys ---

// Tab goes from rack to rack: one tile of each can be reached by it, the one that had the focus last
function enter(rack) {
  if (rack.entry?.shown && rack.entry.element.tabIndex === 0) return;
  if (rack.entry) rack.entry.element.tabIndex = -1;
  rack.entry = rack.tiles.find((tile) => tile.shown);
  if (rack.entry) rack.entry.element.tabIndex = 0;
}

function go(tile) {
  if (!tile) return;
  if (tile.rack.entry) tile.rack.entry.element.tabIndex = -1;
  tile.rack.entry = tile;
  tile.element.tabIndex = 0;
  tile.element.focus();
}

const unit = (tile) => Number(tile.element.firstElementChild.dataset.u ?? 0);

function neighbour(tile, step) {
  const here = tiles.indexOf(tile);
  for (let place = here + step; tiles[place]; place += step) if (tiles[place].shown) return tiles[place];
  return null;
}

function beside(tile, step) {
  for (let place = racks.indexOf(tile.rack) + step; racks[place]; place += step) {
    const there = racks[place].tiles.filter((one) => one.shown);
    const away = (one) => Math.abs(unit(one) - unit(tile));
    if (there.length) return there.reduce((best, one) => (away(one) < away(best) ? one : best));
  }
  return null;
}

const MOVES = {
  ArrowDown: (tile) => neighbour(tile, 1),
  ArrowUp: (tile) => neighbour(tile, -1),
  ArrowRight: (tile) => (tile.rack.element.matches(".rackless") ? neighbour(tile, 1) : beside(tile, 1)),
  ArrowLeft: (tile) => (tile.rack.element.matches(".rackless") ? neighbour(tile, -1) : beside(tile, -1)),
  Home: () => tiles.find((tile) => tile.shown),
  End: () => tiles.findLast((tile) => tile.shown),
};

function clear() {
  search().value = "";
  for (const chip of chips()) chip.setAttribute("aria-pressed", "false");
  apply();
  remember();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !search()) return;
  const typing = event.target.closest("input, textarea, select, dialog");
  const tile = byId.get(event.target.id);
  if (event.key === "/" && !typing) search().select();
  else if (event.key === "Escape" && (!typing || event.target === search()) && !document.querySelector(":popover-open")) clear();
  else if (event.key === "ArrowDown" && event.target === search()) go(MOVES.Home());
  else if (tile && MOVES[event.key]) go(MOVES[event.key](tile));
  else return;
  event.preventDefault();
});

document.addEventListener("focusin", (event) => {
  const tile = byId.get(event.target.id);
  if (tile && tile.rack.entry !== tile) go(tile);
});

// --- What happens ---

document.addEventListener("input", (event) => {
  if (event.target !== search()) return;
  apply();
  remember();
});

document.addEventListener("submit", (event) => {
  if (event.target.id !== "search-form") return;
  event.preventDefault();
  go(MOVES.Home());
});

document.addEventListener("click", (event) => {
  const chip = event.target.closest(".finder .chip");
  if (!chip) return;
  chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
  apply();
  remember(0);
});

window.addEventListener("popstate", () => { recall(); apply(); });

document.addEventListener("live:shown", ({ detail: shown }) => {
  if (shown.some((element) => element.id === "main")) {
    collect();
    recall();
  } else {
    renew(shown);
  }
  apply();
});

collect();
recall();
apply();
document.documentElement.dataset.ready = "hall"; // a measurement waits for it
