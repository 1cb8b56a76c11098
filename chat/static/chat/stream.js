/* Show a reply while it streams, until the server reports its end. */
(() => {
  "use strict";
  const { entries, nodes, announce } = window.conversation;
  const SILENCE_SECONDS = 40; // the server pings every 15
  const RETRY_SECONDS = 3;

  /* The thread gets its title after the first exchange. */
  const rename = (title) => {
    const heading = document.querySelector(".thread-head h1"); // absent while the person renames it
    if (!title || !heading || heading.textContent === title) return;
    heading.textContent = title;
    document.title = `${title} · Twinthread`;
    const link = document.querySelector('.sidebar .thread-link[aria-current="page"] .title');
    if (link) link.textContent = title;
  };

  const listen = (reply) => {
    const tail = reply.querySelector("[data-tail]");
    const waiting = reply.querySelector("[data-waiting]");
    const replaced = reply.dataset.replaces && document.getElementById(reply.dataset.replaces);
    if (replaced) replaced.hidden = true;
    const name = reply.querySelector(".name").textContent.trim();
    announce(`${name} is writing.`);
    entries.dispatchEvent(new Event("reply:begun"));

    let source, position, timer;
    const open = () => {
      source = new EventSource(`${reply.dataset.stream}?from=${position || 0}`);
      for (const name of ["open", "ping", "message", "end", "title"]) source.addEventListener(name, heard);
      source.addEventListener("message", more);
      source.addEventListener("end", end);
      source.addEventListener("title", (event) => {
        close();
        rename(JSON.parse(event.data));
      });
      source.addEventListener("error", () => {
        if (!reply.isConnected) return close(); // only the thread's title was missing
        reply.classList.add("broken");
        /* The browser reconnects by itself, unless the server refused the request. */
        if (source.readyState === EventSource.CLOSED) again(RETRY_SECONDS);
      });
      heard();
    };
    const close = () => {
      source.close();
      clearTimeout(timer);
    };
    const again = (seconds) => {
      close();
      timer = setTimeout(reopen, seconds * 1000);
    };
    /* The server sends a ping every few seconds. A connection may break without an error. */
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => again(0), SILENCE_SECONDS * 1000);
    };
    /* Find out whether the server is away or the person may not see the reply any more. */
    const reopen = async () => {
      const only = new AbortController();
      const response = await fetch(reply.dataset.stream, { signal: only.signal }).catch(() => null);
      only.abort();
      if (response && (response.redirected || response.status === 404)) location.reload();
      else if (response?.ok) open();
      else again(RETRY_SECONDS);
    };

    const more = (event) => {
      waiting.hidden = true;
      reply.classList.remove("broken");
      position = event.lastEventId;
      const words = JSON.parse(event.data);
      if (typeof words === "string") {
        tail.append(words);
        return;
      }
      const blocks = nodes(words.html);
      tail.before(...blocks);
      tail.textContent = words.tail;
      entries.dispatchEvent(new CustomEvent("entries:added", { detail: [reply] }));
    };
    const end = (event) => {
      const { status, html, title, is_naming: isNaming } = JSON.parse(event.data);
      if (!isNaming) close();
      rename(title);
      const ended = nodes(html);
      const hadFocus = reply.contains(document.activeElement);
      if (replaced) {
        if (ended.some((node) => node.id === replaced.id)) replaced.remove();
        else replaced.hidden = false;
      }
      reply.replaceWith(...ended);
      if (hadFocus) document.getElementById("text").focus();
      entries.dispatchEvent(new CustomEvent("entries:added", { detail: ended }));
      entries.dispatchEvent(new CustomEvent("reply:ended", { detail: status }));
      const words = ended[0]?.querySelector(".message-text, .ending")?.textContent.trim() || "";
      announce(status === "complete" ? `${name}: ${words.slice(0, 600)}` : `${name}: the reply was ${status}.`);
    };
    open();
    addEventListener("pagehide", close, { once: true });
  };

  const begin = (added) => {
    for (const node of added) {
      if (!node.dataset?.stream || node.dataset.listening) continue;
      node.dataset.listening = "yes";
      listen(node);
    }
  };
  entries.addEventListener("entries:added", (event) => begin(event.detail));
  begin([...entries.children]);
})();
