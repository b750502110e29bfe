package org.edgefrac.core

import org.junit.Assume.assumeTrue
import java.io.DataInputStream
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import javax.imageio.ImageIO

/** What Python made (`check/material.py`) and the assets that are checked; tests are skipped where neither is given. */
object Material {
    private fun folder(property: String): File {
        val path = System.getProperty(property)
        assumeTrue("no -D$property: see check/run", path != null)
        return File(path)
    }

    val assets: File get() = folder("edgefrac.assets")

    fun assetSource(): AssetSource = AssetSource { File(assets, it).inputStream() }

    /** Each row of NAME.json with a reader of its bytes in NAME.bin. */
    fun each(name: String, use: (Json, Bytes) -> Unit): Int {
        val rows = Json.parse(File(folder("edgefrac.material"), "$name.json").readText(), name).items()
        DataInputStream(File(folder("edgefrac.material"), "$name.bin").inputStream().buffered(1 shl 20)).use { stream ->
            val bytes = Bytes(stream)
            rows.forEach { use(it, bytes) }
            check(stream.read() < 0) { "$name.bin is longer than $name.json says" }
        }
        return rows.size
    }

    class Bytes(private val stream: DataInputStream) {
        fun bytes(count: Int) = ByteArray(count).also { stream.readFully(it) }

        fun floats(count: Int) = FloatArray(count).also { ByteBuffer.wrap(bytes(4 * count)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(it) }

        fun raster(row: Json) = Raster(row["width"].whole(), row["height"].whole(), bytes(row["width"].whole() * row["height"].whole()))
    }

    /** The plain Java platform's PNG reader, sample by sample, for its colour management changes grey values. */
    val decoder = PngDecoder { png ->
        val image = ImageIO.read(png.inputStream()).raster
        val argb = IntArray(image.width * image.height) { index ->
            val samples = image.getPixel(index % image.width, index / image.width, null as IntArray?)
            val (red, green, blue) = if (samples.size >= 3) samples.take(3) else List(3) { samples[0] }
            (0xff shl 24) or (red shl 16) or (green shl 8) or blue
        }
        Pixels(image.width, image.height, argb)
    }
}
