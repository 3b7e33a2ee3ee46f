/* A text field marked data-communes="<address, with a query if need be>" proposes communes while one types.
   Without this file the field is a plain text field and the form works the same.
   With data-communes-code="<name>", the chosen INSEE code goes in a hidden field of that name;
   with data-communes-envoie, choosing sends the form at once. An intercommunalité (`epci`, where the address asks for
   them) goes in the field "<name>-epci".
   What it says comes from the data of its <script> element, where the page is in another language. */
"use strict";

(() => {
  const WAIT = 180;
  const WORDS = {
    proposees: "Communes proposées",
    choisie: "choisie",
    aujourdhui: "aujourd’hui",
    aucune: "Aucune commune trouvée.",
    trouvees: "Communes trouvées :",
    touches: "flèches pour parcourir, Entrée pour choisir",
    ...document.currentScript.dataset,
  };

  function enhance(input, rank) {
    const address = input.dataset.communes;
    const list = document.createElement("ul");
    const box = document.createElement("div");
    const status = document.createElement("div");
    let code = null;
    let found = [];
    let active = -1;
    let timer = 0;
    let asked = 0;

    list.id = `communes-${rank}`;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", WORDS.proposees);
    list.hidden = true;
    box.className = "combo";
    status.className = "invisible";
    status.setAttribute("role", "status");
    const there = document.activeElement === input || location.hash === `#${input.id}`;
    input.replaceWith(box);
    box.append(input, list, status);
    if (there) input.focus(); // a field that is moved loses it
    input.autocomplete = "off";
    for (const [name, value] of Object.entries({
      role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id,
    })) input.setAttribute(name, value);
    if (input.dataset.communesCode) {
      code = input.form.elements[input.dataset.communesCode];
      if (!code) {
        code = document.createElement("input");
        code.type = "hidden";
        code.name = input.dataset.communesCode;
        code.disabled = true; // an empty code is not sent
        box.append(code);
      }
    }

    function remember(value, epci = false) {
      if (!code) return;
      code.name = input.dataset.communesCode + (epci ? "-epci" : "");
      code.value = value;
      code.disabled = value === "";
    }

    const label = (commune) => commune.epci ? commune.nom : `${commune.nom} (${commune.code_postal})`;

    function close() {
      list.hidden = true;
      active = -1;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }

    function mark(next) {
      active = (next + found.length) % found.length;
      [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === active)));
      input.setAttribute("aria-activedescendant", list.children[active].id);
      list.children[active].scrollIntoView({ block: "nearest" });
    }

    function choose(commune) {
      input.value = label(commune);
      remember(commune.code, commune.epci);
      if ("communesEnvoie" in input.dataset) { input.form.requestSubmit(); return; }
      status.textContent = `${label(commune)} ${WORDS.choisie}.`;
      close();
    }

    function show(communes) {
      found = communes;
      active = -1;
      input.removeAttribute("aria-activedescendant");
      list.replaceChildren(...communes.map((commune, i) => {
        const item = document.createElement("li");
        item.id = `${list.id}-${i}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        item.textContent = commune.ancien_nom ? `${commune.ancien_nom} : ${WORDS.aujourdhui} ${label(commune)}` : label(commune);
        item.addEventListener("mousedown", (event) => { event.preventDefault(); choose(commune); });
        return item;
      }));
      list.hidden = communes.length === 0;
      input.setAttribute("aria-expanded", String(communes.length > 0));
      status.textContent = communes.length === 0
        ? WORDS.aucune
        : `${WORDS.trouvees} ${communes.length}, ${WORDS.touches}.`;
    }

    async function ask() {
      const text = input.value.trim();
      const turn = ++asked;
      if (text.length < 2) { close(); status.textContent = ""; return; }
      try {
        const there = new URL(address, location.href);
        there.searchParams.set("q", text);
        const answer = await fetch(there, { headers: { Accept: "application/json" } });
        if (answer.ok && turn === asked && document.activeElement === input) show(await answer.json());
      } catch { close(); }
    }

    input.addEventListener("input", () => {
      remember("");
      clearTimeout(timer);
      timer = setTimeout(ask, WAIT);
    });
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !list.hidden) { event.preventDefault(); close(); return; }
      if (list.hidden || found.length === 0) return;
      if (event.key === "ArrowDown") { event.preventDefault(); mark(active + 1); }
      else if (event.key === "ArrowUp") { event.preventDefault(); mark(active < 0 ? found.length - 1 : active - 1); }
      else if (event.key === "Enter" && active >= 0) { event.preventDefault(); choose(found[active]); }
    });
  }

  document.querySelectorAll("input[data-communes]").forEach(enhance);
})();
