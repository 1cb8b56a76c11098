/* Menus and sheets. What is closed is not part of the page: it is fetched when it is opened.
   Without JavaScript the link to it leads to a page. */
(() => {
  "use strict";
  const sheet = document.getElementById("sheet");

  const ask = async (url) => {
    const response = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (response?.ok && !response.redirected) return response.text();
    window.showError(gettext(response ? "That did not work. Try again." : "The server does not respond. Try again in a moment."));
    return null;
  };

  /* Replace the link by the menu that its data-menu leads to. */
  const openMenu = async (link, isByKey) => {
    const html = await ask(new URL(link.dataset.menu, link.href));
    if (html === null) return;
    const template = document.createElement("template");
    template.innerHTML = html;
    const menu = template.content.firstElementChild;
    if (link.id) menu.id = link.id;
    link.replaceWith(menu);
    htmx.process(menu);
    menu.querySelector(isByKey ? ".menu-item" : "summary").focus();
  };

  /* Show a page's content over this page. */
  const openSheet = async (url, name) => {
    const html = await ask(url);
    if (html === null) return;
    const close = document.createElement("button");
    close.className = "button quiet icon-only sheet-close";
    close.setAttribute("aria-label", sheet.dataset.close);
    close.append("×");
    close.addEventListener("click", () => sheet.close());
    sheet.className = `sheet ${name}`;
    sheet.dataset.name = name;
    sheet.setAttribute("aria-labelledby", `${name}-title`);
    sheet.innerHTML = html;
    sheet.append(close);
    htmx.process(sheet);
    if (!sheet.open) sheet.showModal();
    sheet.dispatchEvent(new Event("sheet:open"));
  };
  sheet?.addEventListener("click", (event) => event.target === sheet && sheet.close());

  /* What is being opened: keys that are pressed meanwhile are for it. */
  const opening = (promise) => {
    window.sheets.opening = promise.finally(() => (window.sheets.opening = null));
  };
  window.sheets = {
    opening: null,
    toggle: (name) => {
      if (sheet.open && sheet.dataset.name === name) sheet.close();
      else opening(openSheet(document.querySelector(`a[data-sheet=${name}]`).href, name));
    },
  };

  /* A menu closes on a click or focus outside it, and on Escape. */
  const closeOthers = (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  };
  document.addEventListener("focusin", closeOthers);
  document.addEventListener("click", (event) => {
    closeOthers(event);
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab
    const link = event.target.closest("a[data-menu], a[data-sheet]");
    if (!link || window.sheets.opening) return;
    event.preventDefault();
    opening(link.dataset.menu ? openMenu(link, event.detail === 0) : openSheet(link.href, link.dataset.sheet));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  /* Escape cancels a form that is edited in place. */
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.target.closest?.("form")?.querySelector("[data-cancel]")?.click();
  });

  /* Arrow keys move through an open menu. */
  document.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu) return;
    event.preventDefault();
    const items = [...menu.querySelectorAll(".menu-item")];
    const step = event.key === "ArrowDown" ? 1 : -1;
    const current = items.indexOf(document.activeElement);
    items[current < 0 ? (step > 0 ? 0 : items.length - 1) : (current + step + items.length) % items.length]?.focus();
  });
})();
