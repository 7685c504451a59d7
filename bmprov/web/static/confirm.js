// Asks before an order is given: the confirmation, a page of its own, opens as a dialogue over the page instead.

let dialog = null;
let opener = "";

function shown(form) {
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.addEventListener("close", () => document.querySelector(`a[data-dialog][href="${CSS.escape(opener)}"]`)?.focus());
    document.body.append(dialog);
  }
  dialog.setAttribute("aria-labelledby", "confirm-title");
  dialog.replaceChildren(form);
  dialog.showModal();
  document.dispatchEvent(new CustomEvent("live:shown", { detail: [form] }));
  form.querySelector("input:not([type=hidden]), textarea, .actions .button")?.focus();
}

async function ask(href) {
  const answer = await fetch(href, { headers: { Accept: "text/html" } });
  const form = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("confirm");
  if (!answer.ok || !form) throw new Error(`no confirmation at ${href}`);
  opener = href;
  shown(document.adoptNode(form));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.dataset.closes !== undefined && dialog?.contains(link)) {
    event.preventDefault();
    dialog.close();
  } else if (link.dataset.dialog !== undefined) {
    event.preventDefault();
    const href = link.getAttribute("href");
    ask(href).catch(() => location.assign(href)); // the page of its own says what is wrong
  }
});

// a second press of the same button gives no second order
document.addEventListener("submit", (event) => {
  if (event.target.dataset.once === undefined) return;
  if (event.target.dataset.sent !== undefined) event.preventDefault();
  event.target.dataset.sent = "";
  event.submitter?.setAttribute("aria-disabled", "true");
});
