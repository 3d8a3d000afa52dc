// One book as a page without scripts.
const escaped = text => String(text).replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`);

function stars({ stars: given, color }) {
  if (given === undefined) return '<p class="none">no stars shown</p>';
  const full = Math.min(5, Math.max(0, given));
  return `<p class="stars ${color === 'red' ? 'red' : 'black'}" title="${full} of 5">${'★'.repeat(full)}${'☆'.repeat(5 - full)}</p>`;
}

const detailsPart = details =>
  details.error !== undefined
    ? `<p class="none">${escaped(details.error)}</p>`
    : `<dl>${['author', 'year', 'pages', 'publisher', 'language'].map(key => `<dt>${key}</dt><dd>${escaped(details[key])}</dd>`).join('')}</dl>`;

const reviewsPart = reviews =>
  reviews.error !== undefined
    ? `<p class="none">${escaped(reviews.error)}</p>`
    : `${reviews.reviews.map(review => `<blockquote>${escaped(review.text)}<footer>${escaped(review.reviewer)}</footer>${stars(review)}</blockquote>`).join('')}
${reviews.ratingsError === undefined ? '' : `<p class="none">${escaped(reviews.ratingsError)}</p>`}
<p class="by">answered by reviews <b>${escaped(reviews.version)}</b> in ${escaped(reviews.pod)}</p>`;

/** The page for what `book()` found out; every part may have failed on its own. */
export const page = ({ user, details, reviews }) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(details.title ?? 'Bookshop')}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; color: #222; background: #fafaf7 }
header { display: flex; flex-wrap: wrap; gap: 1rem; justify-content: space-between; align-items: baseline; border-bottom: 1px solid #ccc }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 2rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem } dd { margin: 0 } dt, footer, .by, .none { color: #666 }
blockquote { margin: 0 0 1rem; padding-left: 1rem; border-left: 3px solid #ccc }
.stars { margin: 0; font-size: 1.4rem } .red { color: #b00020 } .black { color: #111 }
</style>
</head>
<body>
<header><h1>${escaped(details.title ?? 'Bookshop')}</h1>
<form method="post" action="/sign-in">${
  user === ''
    ? '<label>Name <input name="user" required></label> <button>Sign in</button>'
    : `Signed in as <b>${escaped(user)}</b> <button name="user" value="">Sign out</button>`
}</form></header>
<main>
<section><h2>Details</h2>${detailsPart(details)}</section>
<section><h2>Reviews</h2>${reviewsPart(reviews)}</section>
</main>
</body>
</html>
`;
