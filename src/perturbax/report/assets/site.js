"use strict";

const root = document.documentElement;

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function setUpTheme() {
  const button = document.getElementById("theme");
  const label = button.querySelector("span");
  const show = () => { label.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    // Some browsers refuse storage to pages that are opened from disk; the choice then lasts for the page.
    try { localStorage.setItem("perturbax-theme", root.dataset.theme); } catch { }
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

function setUpSearch() {
  const field = document.getElementById("search");
  if (!field) return;
  const state = document.getElementById("state");
  const count = document.getElementById("count");
  const rows = [...document.querySelectorAll("tr[data-text]")];
  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const found = words.every((word) => row.dataset.text.includes(word))
        && (state.value === "all" || row.dataset.state === state.value);
      row.hidden = !found;
      shown += found;
    }
    count.textContent = shown === rows.length ? `${rows.length} systems`
      : shown === 0 ? `No system of ${rows.length} matches; try fewer words` : `${shown} of ${rows.length} systems`;
  };
  field.addEventListener("input", filter);
  state.addEventListener("change", filter);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, select, textarea")) {
      event.preventDefault();
      field.focus();
    }
  });
  filter();
}

setUpTheme();
setUpSearch();
