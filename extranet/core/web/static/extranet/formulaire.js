/* Forms: what is to be corrected is read first; rows are added and taken away in place.
   Without this file the same buttons submit the page, which comes back at the row, and the summary of faults is reached by its anchor. */
"use strict";

(() => {
  const { ajoute, retire } = document.currentScript.dataset;
  document.getElementById("erreurs")?.focus();

  function enhance(box) {
    const prefix = box.dataset.rangees;
    const most = Number(box.dataset.auPlus);
    const total = box.querySelector(`[name="${prefix}-TOTAL_FORMS"]`);
    const status = box.querySelector("[data-annonce]");
    const rows = () => [...box.querySelectorAll(":scope > .rangee")];

    /* Names, identifiers and what points to them, by rank. */
    function number() {
      rows().forEach((row, rank) => {
        for (const element of [row, ...row.querySelectorAll("*")]) {
          for (const { name, value } of [...element.attributes]) {
            if (!["id", "name", "for", "value", "aria-describedby"].includes(name)) continue;
            if (name === "value" && element.name !== "retirer") continue;
            element.setAttribute(name, value.replace(new RegExp(`${prefix}-\\d+`, "g"), `${prefix}-${rank}`));
          }
        }
        row.querySelectorAll("[data-rang]").forEach((place) => { place.textContent = rank + 1; });
        row.querySelector(".rangee__retrait").hidden = rows().length === 1;
      });
      total.value = rows().length;
      box.querySelector(".rangees__ajout").hidden = rows().length >= most;
      box.querySelector(".rangees__plein").hidden = rows().length < most;
    }

    /* A row like the last one, empty and without reproach. */
    function blank() {
      const row = rows().at(-1).cloneNode(true);
      row.querySelectorAll(".errorlist, .avis--error").forEach((fault) => fault.remove());
      row.querySelectorAll(".champ--erreur").forEach((field) => field.classList.remove("champ--erreur"));
      for (const element of row.querySelectorAll("[aria-invalid], [aria-describedby]")) {
        element.removeAttribute("aria-invalid");
        const kept = (element.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => !id.endsWith("_error"));
        if (kept.join("")) element.setAttribute("aria-describedby", kept.join(" "));
        else element.removeAttribute("aria-describedby");
      }
      for (const field of row.querySelectorAll("input, select, textarea")) {
        if (["radio", "checkbox"].includes(field.type)) field.checked = false;
        else if (field.tagName === "SELECT") field.selectedIndex = 0;
        else field.value = "";
      }
      return row;
    }

    box.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.name === "ajouter") {
        event.preventDefault();
        if (rows().length >= most) return;
        const row = blank();
        // Its radio buttons must not take the choice of the row that they were copied from.
        for (const element of row.querySelectorAll("[name]")) element.name = element.name.replace(/-\d+-/, `-${rows().length}-`);
        rows().at(-1).after(row);
        number();
        row.querySelector("input:not([type=hidden]), select, textarea").focus();
        status.textContent = `${row.querySelector("legend").textContent.trim()} : ${ajoute}.`;
      } else if (button?.name === "retirer") {
        event.preventDefault();
        const row = button.closest(".rangee");
        const rank = rows().indexOf(row);
        status.textContent = `${row.querySelector("legend").textContent.trim()} : ${retire}.`;
        row.remove();
        number();
        rows()[Math.max(0, rank - 1)].focus();
      }
    });
  }

  document.querySelectorAll("[data-rangees]").forEach(enhance);
})();
