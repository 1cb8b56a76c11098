/* Functions that the scripts of a conversation share. */
(() => {
  "use strict";
  const entries = document.getElementById("entries");
  const announcer = document.getElementById("announce");
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];

  /* Return { ok, status, text }; the text is the answer, or an error message for the person. */
  const ask = async (url, { method = "GET", body } = {}) => {
    let response;
    try {
      response = await fetch(url, { method, body, headers: { "HX-Request": "true", "X-CSRFToken": token } });
    } catch {
      return { ok: false, text: gettext("The server does not answer. Your text is still here; try again in a few seconds.") };
    }
    if (response.redirected && new URL(response.url).pathname.startsWith("/account/")) {
      location.assign(`/account/log-in/?next=${encodeURIComponent(location.pathname)}`);
      return { ok: false, text: gettext("You have been logged out.") };
    }
    const text = await response.text();
    const isReason = response.headers.get("Content-Type")?.startsWith("text/plain");
    if (response.ok || isReason) return { ok: response.ok, status: response.status, text };
    if (response.status === 403)
      return { ok: false, text: gettext("You logged in or out since this page was opened. Reload it; your text is kept.") };
    if (response.status === 404) return { ok: false, status: 404, text: gettext("It has been deleted.") };
    return { ok: false, text: interpolate(gettext("That did not work (%s). Try again."), [response.status]) };
  };
  const send = (form) => ask(form.action, { method: "POST", body: new FormData(form) });

  /* Return rendered HTML as nodes. */
  const nodes = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return [...template.content.children];
  };

  const notify = (text) => {
    const toast = document.createElement("div");
    toast.className = "toast error";
    toast.dataset.toast = "";
    toast.append(Object.assign(document.createElement("p"), { textContent: text }));
    document.getElementById("toasts").append(toast);
  };

  /* Remove the actions that only the end of a conversation has. */
  const retire = (what = "[data-again], [data-empty], li.note") => {
    for (const old of entries.querySelectorAll(what)) old.remove();
    const reply = document.getElementById("reply");
    if (reply && !reply.dataset.stream) reply.remove();
  };

  const add = (html) => {
    const added = nodes(html);
    for (const node of added) document.getElementById(node.id)?.remove();
    entries.append(...added);
    entries.dispatchEvent(new CustomEvent("entries:added", { detail: added }));
    return added;
  };

  const streaming = () => entries.querySelector("[data-stream]");

  /* Add the messages that were sent meanwhile in another tab or on another device. */
  const catchUp = async () => {
    const last = [...entries.querySelectorAll("[data-entry]")].pop();
    if (streaming() || entries.querySelector("[data-newer]")) return;
    if (!last) return begin();
    const answer = await ask(`${location.pathname}messages/newer/?message=${last.dataset.entry}`);
    if (answer.status === 404) location.reload(); // the last message was deleted or edited
    const news = answer.ok ? nodes(answer.text) : [];
    const isNew = (node) => node.dataset.entry || node.dataset.stream;
    if (!last.isConnected || streaming() || !news.some(isNew)) return;
    retire(news.some((node) => node.dataset.entry) ? undefined : "[data-again], [data-empty], li.note");
    add(answer.text);
  };
  /* A thread without messages has none to ask from; its page is loaded anew once there are some. */
  const begin = async () => {
    const answer = await ask(location.pathname);
    if (answer.ok && answer.text.includes("data-entry=")) location.reload();
  };
  const look = () => document.visibilityState === "visible" && catchUp();
  document.addEventListener("visibilitychange", look);
  addEventListener("focus", look);
  addEventListener("online", look);
  /* Tabs of this browser tell each other. */
  const tabs = new BroadcastChannel(document.querySelector("[data-thread]").dataset.thread);
  tabs.addEventListener("message", look);
  for (const name of ["reply:begun", "reply:ended"]) entries.addEventListener(name, () => tabs.postMessage(name));
  /* The browser restored the page from its cache; its streams are closed. */
  addEventListener("pageshow", (event) => event.persisted && location.reload());

  /* Keep the draft in the browser until it is sent. Storage may be disabled. */
  const draft = (storage, key) => ({
    read: () => {
      try {
        return window[storage].getItem(key) || "";
      } catch {
        return "";
      }
    },
    write: (text) => {
      try {
        if (text) window[storage].setItem(key, text);
        else window[storage].removeItem(key);
      } catch {
        /* the draft is lost with the page */
      }
    },
  });

  window.conversation = {
    entries,
    ask,
    send,
    nodes,
    notify,
    retire,
    add,
    catchUp,
    draft,
    streaming,
    announce: (text) => (announcer.textContent = text),
  };
})();
