package org.edgefrac.app

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.media.ExifInterface
import android.net.Uri
import org.edgefrac.core.GreyBuilder
import org.edgefrac.core.Pixels
import org.edgefrac.core.PngDecoder
import org.edgefrac.core.Radiograph
import org.edgefrac.core.Refusal
import java.io.IOException
import java.io.InputStream

/** Images by the phone's own decoders (PNG, JPEG, WebP, HEIF), turned as EXIF says, with bounded memory. */
class ImageReader(private val resolver: ContentResolver) {
    /** Read the image at [uri], which a camera took if so said, or its EXIF says so. Throws a [Refusal]. */
    fun read(uri: Uri, byCamera: Boolean): Radiograph = try {
        val bounds = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        opened(uri) { BitmapFactory.decodeStream(it, null, bounds) }
        val reduced = reductionOf(bounds.outWidth, bounds.outHeight)
        if (opened(uri, ::isDeepPng)) throw Refusal("It has 16 bits per sample, of which this phone would drop eight.")
        val exif = opened(uri) { ExifInterface(it) }
        val bitmap = opened(uri) { BitmapFactory.decodeStream(it, null, exactly(reduced)) } ?: throw Refusal(UNREADABLE)
        val orientation = exif.getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL)
        val photographed = byCamera || CAMERA.any { exif.getAttribute(it) != null }
        val notes = if (reduced > 1) listOf("read at 1/$reduced of its resolution") else emptyList()
        greyOf(bitmap).radiograph(orientation, photographed, notes)
    } catch (error: IOException) {
        throw Refusal("The file cannot be opened (${error.message}).", error)
    } catch (error: SecurityException) {
        throw Refusal("The app that has the file does not give it away.", error)
    }

    /** By which power of two the image has to be reduced so that its pixels fit into memory. */
    private fun reductionOf(width: Int, height: Int): Int {
        if (width <= 0 || height <= 0) throw Refusal(UNREADABLE)
        if (minOf(width, height) < LEAST_SIDE) throw Refusal("$width × $height pixels are too few.")
        var reduced = 1
        while ((width / reduced).toLong() * (height / reduced) > MOST_PIXELS) reduced *= 2
        return reduced
    }

    private fun greyOf(bitmap: Bitmap): GreyBuilder {
        val builder = GreyBuilder(bitmap.width, bitmap.height)
        val strip = IntArray(bitmap.width * minOf(STRIP, bitmap.height))
        for (top in 0 until bitmap.height step STRIP) {
            val rows = minOf(STRIP, bitmap.height - top)
            bitmap.getPixels(strip, 0, bitmap.width, 0, top, bitmap.width, rows)
            builder.add(strip, rows * bitmap.width)
        }
        bitmap.recycle()
        return builder
    }

    private fun <T> opened(uri: Uri, use: (InputStream) -> T): T =
        (resolver.openInputStream(uri) ?: throw Refusal("The app that has the file gives nothing.")).use(use)

    /** A PNG says in its 25th byte how many bits a sample has. */
    private fun isDeepPng(stream: InputStream): Boolean {
        val head = ByteArray(PNG_DEPTH + 1)
        var filled = 0
        while (filled < head.size) {
            val count = stream.read(head, filled, head.size - filled)
            if (count < 0) return false
            filled += count
        }
        return head.copyOf(PNG.size).contentEquals(PNG) && head[PNG_DEPTH].toInt() == 16
    }

    companion object {
        private const val UNREADABLE = "It is no image that this phone reads (PNG, JPEG, WebP or HEIF; DICOM is not read here)."
        private const val LEAST_SIDE = 16
        private const val MOST_PIXELS = 24L shl 20 // 96 MiB as colours, 24 MiB as grey
        private const val STRIP = 64
        private const val PNG_DEPTH = 24
        private val PNG = byteArrayOf(-119, 80, 78, 71, 13, 10, 26, 10)
        private val CAMERA = listOf(ExifInterface.TAG_EXPOSURE_TIME, ExifInterface.TAG_F_NUMBER, ExifInterface.TAG_FOCAL_LENGTH)

        private fun exactly(reduced: Int) = BitmapFactory.Options().apply {
            inSampleSize = reduced
            inPreferredConfig = Bitmap.Config.ARGB_8888
            inPremultiplied = false
            inScaled = false
        }

        /** The goldens' PNGs by the same decoder. */
        val goldens = PngDecoder { png ->
            val bitmap = BitmapFactory.decodeByteArray(png, 0, png.size, exactly(1))
                ?: throw Refusal("This phone cannot read PNGs")
            val argb = IntArray(bitmap.width * bitmap.height)
            bitmap.getPixels(argb, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
            Pixels(bitmap.width, bitmap.height, argb).also { bitmap.recycle() }
        }
    }
}
