/* Menus that close, toasts that leave, forms that are sent once. */
(() => {
  "use strict";
  const TOAST_SECONDS = 8;

  /* A menu closes when something else is clicked or gets the focus, or Escape is pressed. */
  const closeOthers = (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  };
  document.addEventListener("focusin", closeOthers);
  document.addEventListener("click", (event) => {
    closeOthers(event);
    const dismiss = event.target.closest("[data-dismiss]");
    if (dismiss) dismiss.closest("[data-toast]").remove();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  /* Escape leaves a form that took the place of what it changes. */
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.target.closest?.("form")?.querySelector("[data-cancel]")?.click();
  });

  /* Arrow keys walk through an open menu. */
  document.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu) return;
    event.preventDefault();
    const items = [...menu.querySelectorAll(".menu-item")];
    const step = event.key === "ArrowDown" ? 1 : -1;
    const at = items.indexOf(document.activeElement);
    items[at < 0 ? (step > 0 ? 0 : items.length - 1) : (at + step + items.length) % items.length]?.focus();
  });

  /* A toast stays while it is pointed at or holds the focus. */
  const expire = (toast) => {
    const leave = () => {
      if (toast.matches(":hover, :focus-within")) setTimeout(leave, 2000);
      else toast.remove();
    };
    setTimeout(leave, TOAST_SECONDS * 1000);
  };
  const toasts = document.getElementById("toasts");
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.matches?.("[data-toast]")) expire(node);
    }
  }).observe(toasts, { childList: true });
  /* Screen readers speak what is added to a live region, not what stood there from the start. */
  const brought = [...toasts.children];
  toasts.replaceChildren();
  setTimeout(() => toasts.append(...brought), 100);

  /* An answer that is no fragment of this page (a log-in form) replaces the whole page. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answered = new URL(event.detail.xhr.responseURL || location.href);
    if (answered.pathname.startsWith("/account/log-in")) {
      event.detail.shouldSwap = false;
      location.assign(`/account/log-in/?next=${encodeURIComponent(location.pathname)}`);
    } else if (event.detail.xhr.status === 422) {
      event.detail.shouldSwap = true; // a form with its errors
      event.detail.isError = false;
    }
  });

  /* What took the place of what had the focus gets it: more of a list, or the heading again. */
  let parent = null;
  let place = 0;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = event.detail;
    const focus = document.activeElement; // Escape has taken it away already
    const isLeft = target.matches(".more, .more-hits, .heading") && (focus === document.body || target.contains(focus));
    parent = isLeft ? target.parentElement : null;
    place = isLeft ? [...parent.children].indexOf(target) : 0;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (document.activeElement === document.body) parent?.children[place]?.querySelector("a")?.focus();
    parent = null;
  });

  /* Say what went wrong when a request of a fragment fails. */
  const say = (text) => {
    const toast = document.createElement("div");
    toast.className = "toast error";
    toast.dataset.toast = "";
    toast.append(Object.assign(document.createElement("p"), { textContent: text }));
    toasts.append(toast);
  };
  document.addEventListener("htmx:sendError", () => say("The server does not answer. Try again in a moment."));
  document.addEventListener("htmx:responseError", (event) =>
    say(event.detail.xhr.status === 404 ? "That is not there any more." : "That did not work. Try again."),
  );
})();
