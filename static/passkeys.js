// Passkeys: the browser's ceremony before a form marked with data-passkey is posted.
// "add" makes one, "use" proves one of a known person's, "sign-in" asks the server for options first.

const ceremonies = {
  add: async (form) => webauthnJSON.create(asChosen(form, options().creation_options)),
  use: async () => webauthnJSON.get(options().request_options),
  "sign-in": async (form) => webauthnJSON.get((await fetched(form)).request_options),
};

const options = () => JSON.parse(document.getElementById("passkey-options").textContent);

async function fetched(form) {
  const response = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`The options were refused: ${response.status}`);
  return response.json();
}

// A passkey that lets in alone lies in the device and asks who holds it; another is a second factor only.
function asChosen(form, creation) {
  const alone = form.elements.passwordless?.checked ?? false;
  const wanted = (creation.publicKey.authenticatorSelection ??= {});
  wanted.residentKey = alone ? "required" : "discouraged";
  wanted.requireResidentKey = alone;
  if (alone) wanted.userVerification = "required";
  return creation;
}

function reason(trouble) {
  if (!window.isSecureContext || trouble.name === "SecurityError") return "insecure";
  if (!window.PublicKeyCredential) return "missing";
  if (trouble.name === "NotAllowedError" || trouble.name === "AbortError") return "refused";
  return trouble.name === "InvalidStateError" ? "known" : "failed";
}

function tell(form, why) {
  const problem = form.querySelector("[data-passkey-problem]");
  problem.textContent = why ? problem.dataset[why] : "";
  problem.hidden = !why;
}

async function perform(event) {
  const form = event.target.closest("form[data-passkey]");
  if (!form || form.dataset.busy) return;
  event.preventDefault();
  form.dataset.busy = "1";
  tell(form, "");
  try {
    form.elements.credential.value = JSON.stringify(await ceremonies[form.dataset.passkey](form));
    form.submit();
  } catch (trouble) {
    tell(form, reason(trouble));
    delete form.dataset.busy;
  }
}

document.addEventListener("submit", perform);
// Back from another page, a form can be used again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-busy]")) delete form.dataset.busy;
});
