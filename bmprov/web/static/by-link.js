// A link's secret stands behind the `#`, which no server, proxy or log ever sees: this page reads it and sends it once.

const form = document.querySelector("[data-by-link]");
const secret = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
if (secret) {
  form.elements.secret.value = secret;
  form.submit();
} else {
  form.querySelector("[data-waits]").hidden = true;
  form.querySelector("[data-lacks]").hidden = false;
}
