/* Forms marked data-telechargement: the file is fetched here, then the page is read again, so that its counts and its
   message are those after the download. Without this file the browser downloads and the page stays as it was.
   A list with a box on each line gets one more, that ticks them all. */
"use strict";

(() => {
  function give(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  document.querySelectorAll("form[data-telechargement]").forEach((form) => {
    form.addEventListener("submit", async (event) => {
      const button = event.submitter;
      if (!button || button.name !== "format" || form.dataset.direct) return;
      event.preventDefault();
      const data = new FormData(form, button);
      const label = button.textContent;
      button.setAttribute("aria-disabled", "true");
      button.textContent = "Préparation du fichier…";
      try {
        const answer = await fetch(form.action, { method: "POST", body: data });
        if (answer.redirected) { // made by a worker: its page says when it is ready
          location.assign(answer.url);
          return;
        }
        const named = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") || "");
        if (answer.ok && named) {
          give(await answer.blob(), named[1]);
          const again = document.querySelector("form[data-rejouer]"); // the answer to a search is searched again
          if (again) again.requestSubmit();
          else location.reload();
          return;
        }
      } catch { /* the browser says it better than we would */ }
      button.removeAttribute("aria-disabled");
      button.textContent = label;
      form.dataset.direct = "1"; // refused: nothing was handed over, the page that says why is shown
      form.requestSubmit(button);
    });
  });

  document.querySelectorAll("form .fiches").forEach((list) => {
    const boxes = [...list.querySelectorAll("input[type=checkbox][name=demande]")];
    if (boxes.length < 2) return;
    const box = document.createElement("input");
    const label = document.createElement("label");
    const all = document.createElement("p");
    box.type = "checkbox";
    box.id = "tout-cocher";
    label.htmlFor = box.id;
    label.textContent = " Tout cocher";
    all.className = "tout-cocher";
    all.append(box, label);
    list.before(all);
    const show = () => {
      const ticked = boxes.filter((one) => one.checked).length;
      box.checked = ticked === boxes.length;
      box.indeterminate = ticked > 0 && ticked < boxes.length;
    };
    box.addEventListener("change", () => boxes.forEach((one) => { one.checked = box.checked; }));
    boxes.forEach((one) => one.addEventListener("change", show));
    show();
  });
})();
