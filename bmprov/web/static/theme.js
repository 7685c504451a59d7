// Before the first paint, so that the page does not flash: the colours that this reader has chosen.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "";
