// Times in the reader's own zone, and ages that grow while one looks. The HTML holds only when something was.

const AGES = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

let ahead = 0; // by how many milliseconds the server's clock is ahead of this one

function age(seconds) {
  if (seconds < -1) return `in ${age(-seconds).replace(" ago", "")}`;
  if (seconds < 1) return "now";
  const [, unit, name] = AGES.find(([below]) => seconds < below);
  return `${Math.floor(seconds / unit)} ${name} ago`;
}

function show(element, now) {
  const at = Date.parse(element.dateTime);
  const words = element.dataset.show === "ago" ? age((now - at) / 1000) : clock.format(at);
  if (element.textContent === words) return;
  element.textContent = words;
  if (element.dataset.show === "ago") element.title = clock.format(at);
}

function showAll() {
  if (document.hidden) return;
  const now = Date.now() + ahead;
  for (const element of document.querySelectorAll("time[data-show]")) show(element, now);
}

// a message may have lain in a buffer: the one that was fastest knows best
document.addEventListener("live:beat", ({ detail }) => {
  const seen = detail * 1000 - Date.now();
  ahead = Math.abs(seen - ahead) > 2000 ? seen : Math.max(ahead, seen);
  showAll();
});
document.addEventListener("live:shown", showAll);
document.addEventListener("visibilitychange", showAll);
setInterval(showAll, 1000);
showAll();
