package org.edgefrac.core

import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.InputStream
import java.security.MessageDigest

/** Where the files of `edgefrac bundle --app` lie: the app's assets on a phone, a folder in a test. */
fun interface AssetSource {
    /** Open a file by its path below `edgefrac/`; throws an `IOException` where there is none. */
    fun open(path: String): InputStream
}

/** How evidence is shown, `edgefrac.overlay/1`, and from where on it is a region, in log-odds per 1 % of the input's area. */
class Display(
    val fullScale: Double,
    val contours: List<Double>,
    val ramp: List<IntArray>,
    val outline: Double,
    val least: Double,
    val coloured: Double,
)

/** The files that `edgefrac bundle --app` wrote, every one of them as its checksum says. */
class AppAssets private constructor(
    private val source: AssetSource,
    val model: String,
    val modelSha256: String,
    val display: Display,
    val contract: Contract,
    val golden: List<GoldenVector>,
) {
    /** The bytes of a file that was listed and checked. */
    fun bytes(path: String): ByteArray = read(source, path)

    fun text(path: String): String = bytes(path).decodeToString()

    private class Entry(val path: String, val bytes: Int, val sha256: String)

    companion object {
        const val CERTIFICATE_PAGE = "certificate.html"
        const val MODEL_CARD = "MODEL_CARD.md"
        private const val CHUNK = 1 shl 16

        /** Check every file that `app.json` lists, then read what they say. Throws a [Refusal] that names the first bad one. */
        fun open(source: AssetSource): AppAssets {
            val app = Json.parse(read(source, "app.json").decodeToString(), "app.json").requireSchema("edgefrac.app/1")
            val entries = app["files"].items().map { Entry(it["path"].text(), it["bytes"].whole(), it["sha256"].text()) }
            entries.forEach { check(source, it) }
            val listed = entries.associateBy { it.path }
            val model = app["model"].text()
            fun text(path: String): String =
                if (path in listed) read(source, path).decodeToString() else throw Refusal("app.json does not list $path")
            return AppAssets(
                source,
                model,
                listed[model]?.sha256 ?: throw Refusal("app.json does not list $model"),
                display(app["display"].requireSchema(Overlay.ID)),
                Contract.parse(text("contract.json")),
                GoldenVector.parse(text("golden/vectors.json")),
            )
        }

        private fun display(json: Json): Display = Display(
            fullScale = json["full_scale"].number(),
            contours = json["contours"].items().map { it.number() },
            ramp = json["ramp"].items().map { colour -> colour.items().map { it.whole() }.toIntArray() },
            outline = json["outline"].number(),
            least = json["least"].number(),
            coloured = json["coloured"].number(),
        )

        private fun check(source: AssetSource, entry: Entry) {
            val digest = MessageDigest.getInstance("SHA-256")
            val buffer = ByteArray(CHUNK)
            var bytes = 0L
            opened(source, entry.path).use { stream ->
                while (true) {
                    val count = stream.read(buffer)
                    if (count < 0) break
                    digest.update(buffer, 0, count)
                    bytes += count
                }
            }
            val sha256 = digest.digest().joinToString("") { "%02x".format(it) }
            if (bytes != entry.bytes.toLong() || sha256 != entry.sha256) {
                throw Refusal("${entry.path} is not the file that was certified: its checksum differs")
            }
        }

        private fun read(source: AssetSource, path: String): ByteArray {
            val found = ByteArrayOutputStream()
            opened(source, path).use { it.copyTo(found) }
            return found.toByteArray()
        }

        private fun opened(source: AssetSource, path: String): InputStream = try {
            source.open(path)
        } catch (error: IOException) {
            throw Refusal("$path is missing: write the assets with edgefrac bundle --app", error)
        }
    }
}
