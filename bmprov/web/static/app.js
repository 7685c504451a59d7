// What every page can: switch its colours, copy a command, open a dialogue, and say how much is wrong.

const THEMES = ["", "light", "dark"];
const NAMES = { "": "as the system has them", light: "light", dark: "dark" };

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.setAttribute("aria-label", `Colours: ${NAMES[theme]}`);
    button.title = `Colours: ${NAMES[theme]}`;
  }
}

function storedTheme() {
  const stored = localStorage.getItem("theme");
  return THEMES.includes(stored) ? stored : "";
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("button");
  if (!pressed) return;
  if (pressed.dataset.themeSwitch !== undefined) {
    const next = THEMES[(THEMES.indexOf(storedTheme()) + 1) % THEMES.length];
    localStorage.setItem("theme", next);
    setTheme(next);
  } else if (pressed.dataset.copy !== undefined) {
    copy(pressed);
  } else if (pressed.dataset.opens !== undefined) {
    document.getElementById(pressed.dataset.opens).showModal();
  } else if (pressed.dataset.closes !== undefined) {
    pressed.closest("dialog").close();
  }
});

setTheme(storedTheme());
// on a phone the menu is wider than the screen
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

const BADGE_MS = 15000;

async function lookAtHealth() {
  const badge = document.getElementById("badge");
  if (!badge || document.hidden) return;
  try {
    const answer = await fetch("/health/badge", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const { errors, warnings } = await answer.json();
    badge.firstChild.textContent = errors + warnings;
    badge.classList.toggle("bad", errors > 0);
    badge.hidden = errors + warnings === 0;
  } catch {
    // the page says itself that the connection is lost
  }
}

setInterval(lookAtHealth, BADGE_MS);
