/* Single-key shortcuts: the key clicks the element with data-key="n", or focuses it if it is a field. */
(() => {
  "use strict";
  const FIELDS = "input:not([type=checkbox], [type=radio], [type=color]), textarea, select, [contenteditable]";
  const sheet = document.getElementById("shortcuts");
  const single = document.getElementById("single-keys");

  const enabled = () => {
    try {
      return localStorage.getItem("single-keys") !== "off";
    } catch {
      return true;
    }
  };
  if (single) {
    single.checked = enabled();
    single.addEventListener("change", () => {
      try {
        localStorage.setItem("single-keys", single.checked ? "on" : "off");
      } catch {
        /* no access to storage: the choice lasts as long as the page */
      }
    });
  }

  const moveBy = (step) => {
    const links = [...document.querySelectorAll(".sidebar .thread-link")];
    const current = links.findIndex((link) => link.getAttribute("aria-current"));
    links[current < 0 ? 0 : current + step]?.click();
  };

  const activate = (element) => {
    if (element.matches("summary")) {
      const menu = element.parentElement;
      if (!element.checkVisibility()) element.closest("[popover]")?.showPopover();
      menu.open = !menu.open;
      if (menu.open) menu.querySelector(".menu-item")?.focus();
    } else if (element.matches(FIELDS)) {
      element.focus();
    } else {
      element.click();
    }
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.matches?.(FIELDS)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (!(single ? single.checked : enabled())) return;
    const key = event.key;
    if (key === "?" && sheet) sheet.togglePopover();
    else if (key === "d") dispatchEvent(new Event("shortcut:theme"));
    else if (key === "j" || key === "k") moveBy(key === "j" ? 1 : -1);
    else {
      const scope = document.querySelector("details.menu[open]") || document;
      const element =
        scope.querySelector(`[data-key="${CSS.escape(key)}"]`) ||
        (/^[0-9]$/.test(key) ? null : document.querySelector(`[data-key="${CSS.escape(key)}"]`));
      if (!element) return;
      activate(element);
    }
    event.preventDefault();
  });
})();
