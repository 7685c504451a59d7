// How fast images are written, and how long it takes still: from the bytes that this page has been shown, and from
// nothing else. Before three seconds of them nothing is said, and when none come any more, that is said.

const ENOUGH_MS = 3000; // so much must have been seen
const WINDOW_MS = 15000; // and so much is looked back upon
const STALLED_MS = 8000;

const seen = new Map(); // by the bar's id: [{ at, done }], oldest first

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let place = 0;
  let value = bytes;
  while (value >= 1024 && place < units.length - 1) { value /= 1024; place += 1; }
  return `${place ? value.toFixed(1) : Math.round(value)} ${units[place]}`;
}

function span(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

function note(bar, now) {
  let known = seen.get(bar.id) ?? [];
  const last = known.at(-1);
  if (last && bar.value < last.done) known = []; // it began anew
  if (!known.length || bar.value !== known.at(-1).done) known.push({ at: now, done: bar.value });
  while (known.length > 2 && now - known[1].at > WINDOW_MS) known.shift();
  seen.set(bar.id, known);
}

function words(bar, now) {
  const known = seen.get(bar.id);
  const [first, last] = [known[0], known.at(-1)];
  if (bar.value >= bar.max) return "written, being checked";
  if (now - last.at > STALLED_MS) return `no bytes for ${span((now - last.at) / 1000)}`;
  if (last.at - first.at < ENOUGH_MS) return "";
  const perSecond = (last.done - first.done) / ((last.at - first.at) / 1000);
  return `${size(perSecond)}/s, about ${span((bar.max - last.done) / perSecond)} left`;
}

function tell() {
  const now = performance.now();
  for (const place of document.querySelectorAll("[data-rate-of]")) {
    const bar = document.getElementById(place.dataset.rateOf);
    note(bar, now);
    const said = words(bar, now);
    if (place.textContent !== said) place.textContent = said;
  }
  for (const id of seen.keys()) if (!document.getElementById(id)) seen.delete(id);
}

document.addEventListener("live:shown", tell);
setInterval(tell, 1000);
tell();
